import { UsageError } from "@aurochs/cli-kit"
import { type BareJid, type Fingerprint, fingerprint, formatFingerprint, isAurochsError } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { findUserId } from "@aurochs/keys"
import type { Argv } from "yargs"
import { type GlobalOptions, jidArgument } from "./global.ts"
import { print } from "./output.ts"
import { openWorld, rememberAccount, type World } from "./world.ts"

const stateKey = (account: BareJid) => `cli:engine-keys:${account}`

/** Adds `aurochs key use`. */
export function keyUseCommand<T extends GlobalOptions>(program: Argv<T>): Argv<T> {
  return program.command(
    "use <fingerprint>",
    "Use a key that stays where it is: in GnuPG's folder, or on a card",
    (y) =>
      y
        .option("jid", { type: "string", demandOption: true, describe: "Bare JID" })
        .positional("fingerprint", { type: "string", demandOption: true, describe: "Of the primary key" })
        .example(
          "$0 key use FINGERPRINT --jid me@example.org --backend gnupg --gnupg-home ~/.gnupg",
          "a key of GnuPG's",
        ),
    (options) => useKey(options),
  )
}

/**
 * The account's keys that the engine itself holds, of those that `key use` named; the others are passed over.
 *
 * @returns newest choice first
 */
export async function engineKeys(world: World, account: BareJid): Promise<SecretKey[]> {
  const keys: SecretKey[] = []
  for (const wanted of (await named(world, account)).toReversed()) {
    const key = await world.provider.secretKey(wanted)
    if (key !== undefined) keys.push(key)
  }
  return keys
}

async function named({ storage }: World, account: BareJid): Promise<Fingerprint[]> {
  const stored = await storage.state.get(stateKey(account))
  const names: unknown = stored === undefined ? [] : JSON.parse(new TextDecoder().decode(stored.bytes))
  return Array.isArray(names) ? names.filter((name) => typeof name === "string").map(fingerprint) : []
}

async function useKey(options: GlobalOptions & { jid: string; fingerprint: string }): Promise<void> {
  const account = jidArgument("--jid", options.jid)
  const wanted = fingerprintArgument(options.fingerprint)
  await using world = await openWorld(options)
  const key = await world.provider.secretKey(wanted)
  if (key === undefined) {
    throw new UsageError(
      `The engine ${world.provider.name} holds no secret key ${wanted}; with --backend gnupg, --gnupg-home DIR says where it is.`,
    )
  }
  const info = await world.provider.inspect(key.certificate.bytes, { now: world.clock.now() })
  if (findUserId(info, account) === undefined) {
    throw new UsageError(
      `${wanted} has no valid User ID xmpp:${account}, so nobody would accept what it signs for that account (XEP-0373 §3.2).`,
    )
  }
  const names = [...(await named(world, account)).filter((one) => one !== wanted), wanted]
  await world.storage.state.put(stateKey(account), new TextEncoder().encode(JSON.stringify(names)))
  await rememberAccount(world.storage, account)
  print(options.json, { account, fingerprint: wanted }, `${account} uses the key ${formatFingerprint(wanted)}`)
}

function fingerprintArgument(text: string): Fingerprint {
  try {
    return fingerprint(text)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) throw new UsageError(`${text} is no fingerprint: 40 or 64 hex digits.`)
    throw error
  }
}
