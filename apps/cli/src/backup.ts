import { UsageError, withProgress } from "@aurochs/cli-kit"
import { formatFingerprint, isAurochsError } from "@aurochs/core"
import { backUpKeys, looksLikeBackupCode, type NodeRefusal, removeBackup, restoreKeys } from "@aurochs/keys"
import type { Argv } from "yargs"
import { type CodeOptions, codeOptions, readCode } from "./code.ts"
import {
  type GlobalOptions,
  jidArgument,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { fingerprintArgument } from "./life.ts"
import { connect, online } from "./online.ts"
import { print, remark } from "./output.ts"
import { keepFitting, loadKeys, protection, secretKeys } from "./own-keys.ts"
import { accountFor, openWorld } from "./world.ts"

type BackupOptions = NetworkOptions &
  PassphraseOptions & { key?: string[] | undefined; recreate: boolean; unannounced: boolean; remove: boolean }
type RestoreOptions = NetworkOptions & PassphraseOptions & CodeOptions & { jid?: string | undefined }

/** `aurochs key backup`, `aurochs key restore` */
export function keyBackupCommands<T extends GlobalOptions>(program: Argv<T>): Argv<T> {
  return program
    .command(
      "backup",
      "Keep the secret keys on the account's own server, encrypted; prints the code that opens them, once",
      (y) =>
        passwordOptions(passphraseOptions(y))
          .option("key", { type: "string", array: true, nargs: 1, describe: "Only this fingerprint; may be repeated" })
          .option("recreate", {
            type: "boolean",
            default: false,
            describe: "Delete a node that others can read, with what it holds, and make it anew",
          })
          .option("unannounced", {
            type: "boolean",
            default: false,
            describe: "Make the node although the server does not say that it can, and look at what came of it",
          })
          .option("remove", { type: "boolean", default: false, describe: "Take the backup off the server instead" }),
      (options) => backup(options),
    )
    .command(
      "restore",
      "Bring the secret keys back from the account's own server",
      (y) =>
        codeOptions(passwordOptions(passphraseOptions(y)))
          .option("jid", { type: "string", describe: "Bare JID; by default the account that has a key here" })
          .option("passphrase", {
            type: "boolean",
            describe: "--no-passphrase keeps the keys unprotected here, readable by this user only",
          }),
      (options) => restore(options),
    )
}

async function backup(options: BackupOptions): Promise<void> {
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  if (options.remove) {
    await using transport = await connect(world, account, options)
    await withProgress(`connecting as ${account}`, online(transport))
    await removeBackup({ transport })
    print(options.json, { account, removed: true }, `${account} has no backup on the server any more`)
    return
  }
  const wanted = options.key?.map(fingerprintArgument)
  const all = (await secretKeys(world, account, options)).toReversed()
  const keys = all.filter((key) => wanted === undefined || wanted.includes(key.certificate.fingerprint))
  if (keys.length !== (wanted ?? all).length) throw new UsageError("Not every key named by --key is here.")
  await using transport = await connect(world, account, options)
  await withProgress(`connecting as ${account}`, online(transport))
  const { provider, random, clock } = world
  const result = await withProgress(
    "storing the backup",
    backUpKeys({
      transport,
      provider,
      keys,
      random,
      clock,
      recreate: options.recreate,
      unannounced: options.unannounced,
    }),
  )
  if (result.kind === "refused") throw new UsageError(`Nothing was stored: ${refusalText(result)}`)
  for (const _ of result.warnings) remark("the server does not promise to keep the backup over its own restart")
  const { code, fingerprints } = result
  print(options.json, { account, fingerprints, code }, code)
  if (!options.json) {
    remark(`this code opens the backup of ${fingerprints.length} key(s); write it down, it is kept nowhere else`)
  }
}

function refusalText(refusal: NodeRefusal): string {
  switch (refusal.because) {
    case "no-pep":
      return "the server has no PEP service."
    case "no-whitelist":
      return "the server does not say that it can keep a node to its owner alone (access model whitelist). Prosody 0.12 and ejabberd 23.01 can: --unannounced makes the node and looks at what came of it."
    case "not-whitelist":
      return `the node for it is there, and open to others (${refusal.accessModel}). --recreate makes it anew.`
    case "others":
      return `others have access to the node: ${refusal.others.join(", ")}. --recreate makes it anew.`
    case "not-told":
      return "the server does not tell who may read the node. --recreate makes it anew."
  }
}

async function restore(options: RestoreOptions): Promise<void> {
  await using world = await openWorld(options)
  const account =
    options.jid === undefined ? await accountFor(options, world.storage) : jidArgument("--jid", options.jid)
  const code = await readCode(options)
  await using transport = await connect(world, account, options)
  await withProgress(`connecting as ${account}`, online(transport))
  const { provider } = world
  const result = await opened(restoreKeys({ transport, provider, code }), code)
  if (result.kind === "none") throw new UsageError(`${account} has no backup on the server.`)
  if (result.exposed !== undefined) remark(`others may have read the backup: ${refusalText(result.exposed)}`)
  const hasKeys = (await loadKeys(world, account, options)).length > 0
  const protect = await protection(world, options, !hasKeys)
  for (const fingerprint of await keepFitting(world, account, result.keys, protect)) {
    print(options.json, { account, fingerprint }, `${account} has the key ${formatFingerprint(fingerprint)}`)
  }
}

/** A wrong code and an altered backup look the same; a code of another form is the likelier mistake. */
async function opened<T>(work: Promise<T>, code: string): Promise<T> {
  try {
    return await withProgress("asking for the backup", work)
  } catch (error) {
    if (!isAurochsError(error, "CANNOT_DECRYPT")) throw error
    const hint = looksLikeBackupCode(code) ? "" : " It has six groups of four capitals and digits, with dashes between."
    throw new UsageError(`This code does not open the backup; every character counts, dashes too.${hint}`)
  }
}
