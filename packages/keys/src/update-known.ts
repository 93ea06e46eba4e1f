import type { Fingerprint } from "@aurochs/core"
import { collect } from "./collect.ts"
import type { KeyDirectory } from "./directory.ts"
import { type Refreshed, type RefreshOptions, refreshKeys } from "./refresh.ts"

/** As those of `refreshKeys`; there is no list here whose reading could be remembered. */
export type UpdateOptions = Omit<RefreshOptions, "state">

/**
 * Asks a source for newer copies of the keys that are known already, each by its fingerprint: revocations, expiry,
 * subkeys are merged in. It brings no new key, and takes none away. For sources that cannot say whose a key is, such as
 * a verifying key server.
 *
 * @throws {AurochsError} as `refreshKeys`
 */
export async function updateKnownKeys(o: UpdateOptions): Promise<Refreshed> {
  const known = await collect(o.keys.keysOf(o.owner, { signal: o.signal }))
  const prints = known.filter((key) => key.approval !== "distrusted").map((key) => key.fingerprint)
  return refreshKeys({ ...o, directory: byFingerprint(o.directory, prints) })
}

function byFingerprint(directory: KeyDirectory, prints: readonly Fingerprint[]): KeyDirectory {
  return {
    name: directory.name,
    sources: [],
    async *lookup({ owner }, options) {
      for (const fingerprint of prints) {
        for await (const one of directory.lookup({ owner, fingerprint }, options)) {
          // That it has no copy of a key that is known is no gap of anybody's list.
          if ("bytes" in one) yield { ...one, binds: "nothing" }
        }
      }
    },
  }
}
