import { AurochsError, type CallOptions, type KnownKey } from "@aurochs/core"
import type { KeyStore } from "@aurochs/storage"
import { collect } from "./collect.ts"
import { isGone } from "./gone.ts"

/** Other programs may change the same certificate at the same time: merged again this often, then it is an error. */
const MAX_ROUNDS = 8

/**
 * Stores a key, unless its certificate is not the one any more that `before` has: then what is stored by now is merged
 * with it first, so that of two readings at once neither takes back what the other found, a revocation above all.
 *
 * @param before what was stored when it was read; undefined: nothing
 * @param merged makes one of what is stored by now and of `key`
 * @throws {AurochsError} `STORAGE`, and what the store and `merged` throw
 */
export async function putOver(
  keys: KeyStore,
  key: KnownKey,
  before: KnownKey | undefined,
  merged: (stored: KnownKey) => KnownKey | Promise<KnownKey>,
  options: CallOptions,
): Promise<void> {
  let [wanted, seen] = [key, before]
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const ifBytes = seen === undefined || isGone(seen) ? "absent" : seen.bytes
    const { kind } = await keys.put(wanted, { signal: options.signal, ifBytes })
    if (kind === "stored") return
    const stored = await collect(keys.keysOf(key.owner, { signal: options.signal }))
    seen = stored.find(({ fingerprint }) => fingerprint === key.fingerprint)
    wanted = seen === undefined || isGone(seen) ? key : await merged(seen)
  }
  throw new AurochsError("STORAGE", `a key of ${key.owner} is changed by others all the time`, {
    operation: "keys.put",
  })
}
