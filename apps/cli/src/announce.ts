import { withProgress } from "@aurochs/cli-kit"
import { formatFingerprint } from "@aurochs/core"
import { announceOwnKey, type Published, uploadOwnKeys } from "@aurochs/keys"
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
import { secretKeys, usableKeys } from "./own-keys.ts"
import { tellFailed, type UploadOptions, uploadOptions } from "./uploads.ts"
import { accountFor, openWorld } from "./world.ts"

/** `aurochs key announce` */
export function keyAnnounceCommand<T extends GlobalOptions>(program: Argv<T>): Argv<T> {
  return program.command(
    "announce",
    "Publish the certificate in the account's own key list; other clients' entries stay",
    (y) => uploadOptions(passwordOptions(passphraseOptions(y))),
    (options) => announce(options),
  )
}

async function announce(options: NetworkOptions & PassphraseOptions & UploadOptions): Promise<void> {
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  const { current: key } = await usableKeys(world, account, options)
  const own = await secretKeys(world, account, options)
  await using transport = await connect(world, account, options)
  const life = await lifeOf(world, account, options, transport)
  await withProgress(`connecting as ${account}`, online(transport))
  const { fingerprint } = key.certificate
  await withProgress("announcing", announceOwnKey({ ...life, key, own }))
  const uploaded = await uploadOwnKeys({ ...life, keys: own, current: fingerprint })
  const published: readonly Published[] = [{ source: life.directory.name }, ...uploaded]
  tellFailed(published)
  print(
    options.json,
    { account, fingerprint, announced: true, published },
    `announced ${formatFingerprint(fingerprint)} for ${account}`,
  )
}
