import { UsageError } from "@aurochs/cli-kit"
import type { BareJid, KnownKey } from "@aurochs/core"
import { blindBeforeVerification, type JudgedKey, judgeKeys } from "@aurochs/keys"
import type { Argv } from "yargs"
import { contactTrustCommands } from "./contact-trust.ts"
import { type GlobalOptions, jidArgument, type PassphraseOptions, passphraseOptions } from "./global.ts"
import { trusting } from "./life.ts"
import { lookupCommand } from "./lookup.ts"
import { type QrOptions, qrOptions, showQr } from "./qr.ts"
import { showKey } from "./show-certificate.ts"
import { accountFor, accountsOf, openWorld, type World } from "./world.ts"

/** `aurochs contact …` */
export function contactCommands(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command("contact", "Other people's keys", (contact) =>
    lookupCommand(contactTrustCommands(contact))
      .command(
        "list [jid]",
        "Keys that are known here",
        (y) => passphraseOptions(y).positional("jid", { type: "string" }),
        (options) => list(options),
      )
      .command(
        "show <jid>",
        "One contact's keys, with a QR code if asked for",
        (y) => qrOptions(passphraseOptions(y)).positional("jid", { type: "string", demandOption: true }),
        (options) => show(options),
      )
      .demandCommand(1, "Say what to do with contacts; --help lists it."),
  )
}

async function list(options: GlobalOptions & PassphraseOptions & { jid?: string | undefined }): Promise<void> {
  await using opened = await openWorld(options)
  const world = await trustingAny(opened, options)
  if (options.jid !== undefined) {
    await showKeys(world, jidArgument("jid", options.jid), options.json)
    return
  }
  for await (const owner of world.storage.keys.owners()) await showKeys(world, owner, options.json)
}

async function show(options: GlobalOptions & PassphraseOptions & QrOptions & { jid: string }): Promise<void> {
  const owner = jidArgument("jid", options.jid)
  await using opened = await openWorld(options)
  const world = await trustingAny(opened, options)
  const judged = await judgedKeys(world, owner)
  const used = judged.filter(({ decision }) => decision.use === "encrypt+verify")
  if (used.length > 0) {
    await showQr(
      owner,
      used.map(({ key }) => key.fingerprint),
      options,
    )
  }
  if ((await showKeys(world, owner, options.json)) === 0) {
    throw new UsageError(`${owner} has no known key; aurochs contact lookup ${owner} reads the announced ones.`)
  }
}

/** Before any account has a key here there is nobody to have said anything of a key. */
async function trustingAny(world: World, options: GlobalOptions & PassphraseOptions): Promise<World> {
  if (options.account === undefined && (await accountsOf(world.storage)).length === 0) return world
  return trusting(world, await accountFor(options, world.storage), options)
}

async function judgedKeys({ storage, provider, clock }: World, owner: BareJid): Promise<JudgedKey[]> {
  const known: KnownKey[] = await Array.fromAsync(storage.keys.keysOf(owner))
  return judgeKeys({ owner, known, provider, trust: blindBeforeVerification(), now: clock.now() })
}

async function showKeys(world: World, owner: BareJid, json: boolean): Promise<number> {
  const judged = await judgedKeys(world, owner)
  for (const { key, info, decision } of judged) {
    showKey(json, { owner, source: key.source, binds: key.binds, info, decision, key })
  }
  return judged.length
}
