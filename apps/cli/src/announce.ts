import { withProgress } from "@aurochs/cli-kit"
import { formatFingerprint } from "@aurochs/core"
import { pepDirectory, rememberAnnounced } from "@aurochs/keys"
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
import { usableKeys } from "./own-keys.ts"
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
  await using transport = await connect(world, account, options)
  await withProgress(`connecting as ${account}`, online(transport))
  const directory = pepDirectory({ transport, provider: world.provider, clock: world.clock })
  const small = await world.provider.minimize(key.certificate.bytes, { keepUserId: `xmpp:${account}` })
  const info = await world.provider.inspect(small.bytes, { now: world.clock.now() })
  await withProgress("announcing", directory.publish?.(info) ?? Promise.resolve())
  await rememberAnnounced({ state: world.storage.state, account, fingerprint: info.fingerprint })
  print(
    options.json,
    { account, fingerprint: info.fingerprint, announced: true },
    `announced ${formatFingerprint(info.fingerprint)} for ${account}`,
  )
}
