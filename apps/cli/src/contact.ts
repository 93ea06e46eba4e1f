import { UsageError } from "@aurochs/cli-kit"
import { type BareJid, type Fingerprint, fingerprint, formatFingerprint, type KnownKey } from "@aurochs/core"
import { blindBeforeVerification, judgeKeys } from "@aurochs/keys"
import type { Argv } from "yargs"
import { type GlobalOptions, jidArgument } from "./global.ts"
import { lookupCommand } from "./lookup.ts"
import { print } from "./output.ts"
import { accountFor, openWorld, type World } from "./world.ts"

/** `aurochs contact …` */
export function contactCommands(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command("contact", "Other people's keys", (contact) =>
    lookupCommand(contact)
      .command(
        "list [jid]",
        "Keys that are known here",
        (y) => y.positional("jid", { type: "string" }),
        (options) => list(options),
      )
      .command(
        "trust <jid> <fingerprint>",
        "Say that you compared this fingerprint with its owner; --distrust says never use it",
        (y) =>
          y
            .positional("jid", { type: "string", demandOption: true })
            .positional("fingerprint", { type: "string", demandOption: true })
            .option("distrust", { type: "boolean", default: false, describe: "Never use this key" }),
        (options) => trust(options),
      )
      .demandCommand(1, "Say what to do with contacts: lookup, list or trust."),
  )
}

async function list(options: GlobalOptions & { jid?: string | undefined }): Promise<void> {
  await using world = await openWorld(options)
  if (options.jid !== undefined) {
    await showKeys(world, jidArgument("jid", options.jid), options.json)
    return
  }
  for await (const owner of world.storage.keys.owners()) await showKeys(world, owner, options.json)
}

async function showKeys({ storage, provider, clock }: World, owner: BareJid, json: boolean): Promise<number> {
  const known: KnownKey[] = await Array.fromAsync(storage.keys.keysOf(owner))
  const judged = await judgeKeys({ owner, known, provider, trust: blindBeforeVerification(), now: clock.now() })
  for (const { key, info, decision } of judged) {
    const { source, binds, announced, approval, firstSeen } = key
    const ids = info.userIds.map(({ text, status }) => (status === "valid" ? text : `${text} (${status})`))
    print(
      json,
      {
        owner,
        fingerprint: key.fingerprint,
        source,
        binds,
        announced,
        approval,
        firstSeen,
        userIds: info.userIds,
        expiresAt: info.expiresAt,
        revokedAt: info.revokedAt,
        algorithm: info.algorithm,
        decision,
      },
      `${owner}\n  ${formatFingerprint(key.fingerprint)}\n  ${ids.join(", ")}\n  ${info.algorithm}, from ${source}, ${announced ? "announced" : "not announced"}, first seen ${firstSeen.toISOString()}\n  ${decision.use}: ${decision.level}, because ${decision.because}`,
    )
  }
  return judged.length
}

async function trust(options: GlobalOptions & { jid: string; fingerprint: string; distrust: boolean }): Promise<void> {
  const owner = jidArgument("jid", options.jid)
  const wanted = fingerprintArgument(options.fingerprint)
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  const known = await Array.fromAsync(world.storage.keys.keysOf(owner))
  const key = known.find((candidate) => candidate.fingerprint === wanted)
  if (key === undefined) {
    throw new UsageError(
      `${owner} has no known key with this fingerprint; aurochs contact lookup ${owner} reads the announced ones.`,
    )
  }
  const approval = options.distrust ? "distrusted" : "verified"
  await world.storage.keys.put({ ...key, approval })
  await world.storage.audit.append({
    at: world.clock.now(),
    account,
    kind: options.distrust ? "key-distrusted" : "key-verified",
    subject: owner,
    fingerprint: wanted,
  })
  print(options.json, { owner, fingerprint: wanted, approval }, `${owner} ${formatFingerprint(wanted)}: ${approval}`)
}

function fingerprintArgument(text: string): Fingerprint {
  try {
    return fingerprint(text)
  } catch {
    throw new UsageError(`${text} is no fingerprint: 40 or 64 hex digits are needed.`)
  }
}
