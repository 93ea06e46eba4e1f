import { withProgress } from "@aurochs/cli-kit"
import { formatFingerprint } from "@aurochs/core"
import { type Advice, keyStatus, type OwnKeyStatus } from "@aurochs/keys"
import type { Argv } from "yargs"
import {
  type GlobalOptions,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { lifeOf } from "./life.ts"
import { connect, online } from "./online.ts"
import { print } from "./output.ts"
import { type UploadOptions, uploadOptions } from "./uploads.ts"
import { accountFor, openWorld } from "./world.ts"

/** `aurochs key status` */
export function keyStatusCommand<T extends GlobalOptions>(program: Argv<T>): Argv<T> {
  return program.command(
    "status",
    "What is announced where, what differs, and what to do",
    (y) => uploadOptions(passwordOptions(passphraseOptions(y))),
    (options) => status(options),
  )
}

async function status(options: NetworkOptions & PassphraseOptions & UploadOptions): Promise<void> {
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  await using transport = await connect(world, account, options)
  const life = await lifeOf(world, account, options, transport)
  await withProgress(`connecting as ${account}`, online(transport))
  const { keys, foreign, rotation, advice } = await withProgress("looking", keyStatus(life))
  const lines = [
    account,
    ...keys.flatMap(keyLines),
    ...foreign.map((print) => `  ${formatFingerprint(print)}\n    in the account's list, and its secret is not here`),
    ...(rotation === undefined ? [] : [`  rotation: the old key is to be retired ${rotation.retireAt.toISOString()}`]),
    ...(advice.length === 0 ? ["  nothing to do"] : advice.map((one) => `  to do: ${adviceText(one)}`)),
  ]
  print(options.json, { account, keys, foreign, rotation, advice }, lines.join("\n"))
}

function keyLines(key: OwnKeyStatus): string[] {
  const end = key.revokedAt
    ? `revoked ${key.revokedAt.toISOString()}`
    : key.expiresAt
      ? `expires ${key.expiresAt.toISOString()}`
      : "does not expire"
  const use = key.current ? "in use" : key.unusable === undefined ? "usable" : `only decrypts (${key.unusable})`
  const where = key.presence.map(({ source, state }) => `${source}: ${state}`).join(", ")
  const by = key.certifiedBy.map((print) => `\n    signed by ${formatFingerprint(print)}`).join("")
  return [`  ${formatFingerprint(key.fingerprint)}\n    ${use}, ${end}; ${where}${by}`]
}

function adviceText(advice: Advice): string {
  switch (advice.todo) {
    case "bring":
      return "bring the announced key here: aurochs key import FILE, or aurochs key restore"
    case "generate":
      return "make a key: aurochs key generate"
    case "announce":
      return "announce the key as it is now: aurochs key announce"
    case "examine":
      return `find out whose ${advice.fingerprint} is; if it is nobody's: aurochs key retire ${advice.fingerprint}`
    case "renew":
      return `it expires ${advice.expiresAt.toISOString()}: aurochs key renew ${advice.fingerprint} --days 365, or aurochs key rotate`
    case "retire":
      return `the overlap is over: aurochs key retire ${advice.fingerprint}`
  }
}
