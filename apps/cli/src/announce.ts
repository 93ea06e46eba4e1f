import { withProgress } from "@aurochs/cli-kit"
import { formatFingerprint } from "@aurochs/core"
import { announceOwnKey, pepDirectory } from "@aurochs/keys"
import type { Argv } from "yargs"
import {
  type GlobalOptions,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { connect, online } from "./online.ts"
import { print } from "./output.ts"
import { secretKeys, usableKeys } from "./own-keys.ts"
import { accountFor, openWorld } from "./world.ts"

/** `aurochs key announce` */
export function keyAnnounceCommand<T extends GlobalOptions>(program: Argv<T>): Argv<T> {
  return program.command(
    "announce",
    "Publish the certificate in the account's own key list; other clients' entries stay",
    (y) => passwordOptions(passphraseOptions(y)),
    (options) => announce(options),
  )
}

async function announce(options: NetworkOptions & PassphraseOptions): Promise<void> {
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  const { current: key } = await usableKeys(world, account, options)
  const own = await secretKeys(world, account, options)
  await using transport = await connect(world, account, options)
  await withProgress(`connecting as ${account}`, online(transport))
  const { storage, provider, clock } = world
  const directory = pepDirectory({ transport, provider, clock })
  const { fingerprint } = key.certificate
  await withProgress(
    "announcing",
    announceOwnKey({ account, directory, provider, clock, state: storage.state, audit: storage.audit, key, own }),
  )
  print(
    options.json,
    { account, fingerprint, announced: true },
    `announced ${formatFingerprint(fingerprint)} for ${account}`,
  )
}
