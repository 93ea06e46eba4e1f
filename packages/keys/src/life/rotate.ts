import { AurochsError, type Fingerprint } from "@aurochs/core"
import { forgetAnnounced } from "../announced.ts"
import { revocationStateKey } from "../own-secrets.ts"
import { readDirectory } from "../reading.ts"
import { userIdOf } from "../user-id.ts"
import { goodIn, stateOf } from "./in-use.ts"
import {
  type LifeOptions,
  lifecycleOf,
  note,
  type OwnSecret,
  type Published,
  publishEverywhere,
  saveSecret,
  withSecrets,
} from "./parts.ts"
import { endRotation, type Rotation, rememberRotation, rotationOf } from "./rotation.ts"

/** Both keys are announced for so long by default: 30 days, in milliseconds. */
export const DEFAULT_OVERLAP_MS = 2_592_000_000

/** The outcome of {@link rotateKey}. */
export interface Rotated extends Rotation {
  readonly published: readonly Published[]
  /** True: a rotation that was begun before went on; no key was made now. */
  readonly resumed: boolean
}

/**
 * Begins to use a new key: it is made, certified by the old one, saved, and announced beside the old one. From the next
 * look at the list on the new key signs. The old one stays: announced until `retireAt`, for decryption and verification
 * for ever. Contacts whose policy knows the old key see that it vouches for the new one.
 *
 * @param o.overlapMs how long both are announced, in milliseconds; {@link DEFAULT_OVERLAP_MS} by default
 * @param o.expiresInMs of the new key, in milliseconds; never by default
 * @throws {AurochsError} `NO_USABLE_KEY` (there is no key that could vouch for a new one: make it with `key generate`),
 * `UNSUPPORTED`, `KEY_LOCKED`, `CANNOT_DECRYPT`, and what `publish` throws: then run it again
 */
export async function rotateKey(
  o: LifeOptions & { readonly overlapMs?: number | undefined; readonly expiresInMs?: number | undefined },
): Promise<Rotated> {
  return withSecrets(o, async (own, passphrase) => {
    const begun = await interrupted(o, own)
    const rotation = begun ?? (await begin(o, own, passphrase))
    // Read again: a key that was made now is not among those loaded before.
    const published = await withSecrets({ ...o, passphrase: () => passphrase }, async (all) => {
      const certificates = all.map(({ key }) => key.certificate)
      const to = certificates.find((one) => one.fingerprint === rotation.to)
      if (to === undefined) {
        const text = "the new key was saved, and the storage does not give it back"
        throw new AurochsError("STORAGE", text, { operation: "secrets.load" })
      }
      return publishEverywhere(o, to, certificates)
    })
    await note(o, "own-key-rotated", rotation.to, { from: rotation.from })
    return { ...rotation, published, resumed: begun !== undefined }
  })
}

/** A rotation whose new key is here and was not announced, because something came in between. */
async function interrupted(o: LifeOptions, own: readonly OwnSecret[]): Promise<Rotation | undefined> {
  const rotation = await rotationOf(o)
  if (rotation === undefined || !own.some(({ info }) => info.fingerprint === rotation.to)) return undefined
  for await (const found of o.directory.lookup({ owner: o.account, fingerprint: rotation.to }, { signal: o.signal })) {
    if ("bytes" in found) return undefined
  }
  return rotation
}

async function begin(
  o: LifeOptions & { readonly overlapMs?: number | undefined; readonly expiresInMs?: number | undefined },
  own: readonly OwnSecret[],
  passphrase: Uint8Array | "none",
): Promise<Rotation> {
  const lifecycle = lifecycleOf(o)
  const old = own.findLast((one) => one.unusable === undefined)
  if (old === undefined) {
    const leftOut = own.map(({ info, unusable = "" }) => ({ fingerprint: info.fingerprint, because: unusable }))
    const text = `${o.account} has no usable key that could vouch for a new one`
    throw new AurochsError("NO_USABLE_KEY", text, { owner: o.account, leftOut })
  }
  const now = o.clock.now()
  const userId = userIdOf(o.account)
  const version = old.info.fingerprint.length === 64 ? 6 : 4
  const spec = { userId, version, expiresInMs: o.expiresInMs } as const
  const { key, revocation } = await o.provider.generate(spec, { now, signal: o.signal })
  await using _ = key
  const { fingerprint } = key.certificate
  const at = { signWith: old.key, userId, now, signal: o.signal }
  const certified = await lifecycle.certify(key.certificate.bytes, at)
  await using young = (await lifecycle.adopt?.(key, certified.bytes, { signal: o.signal })) ?? undefined
  if (revocation !== undefined) {
    await o.state.put(revocationStateKey(o.account, fingerprint), revocation, { signal: o.signal })
  }
  const retireAt = new Date(now.getTime() + (o.overlapMs ?? DEFAULT_OVERLAP_MS))
  const rotation = { from: old.info.fingerprint, to: fingerprint, startedAt: now, retireAt }
  await saveSecret(o, young ?? key, passphrase)
  await rememberRotation({ ...o, rotation })
  return rotation
}

/**
 * Takes a key out of the account's list: nobody encrypts to it any more. It stays here, for old messages.
 *
 * @throws {AurochsError} `UNSUPPORTED`, and what `retract` throws
 */
export async function retireKey(o: LifeOptions & { readonly fingerprint: Fingerprint }): Promise<void> {
  if (o.directory.retract === undefined) {
    throw new AurochsError("UNSUPPORTED", `${o.directory.name} takes no key back`, { feature: "retract" })
  }
  // First: else a client that looks in between would merge it back (R48).
  await forgetAnnounced({ ...o, fingerprint: o.fingerprint })
  await o.directory.retract(o.fingerprint, { signal: o.signal })
  if ((await rotationOf(o))?.from === o.fingerprint) await endRotation(o)
  await note(o, "own-key-retired", o.fingerprint)
}

/**
 * Ends a rotation whose overlap is over: the old key is retired, if the new one is here, can be used and is announced, and
 * the old one is not in use all the same. Else nothing is retired: a rotation whose new key was revoked is forgotten, any
 * other one is looked at again the next time.
 *
 * @returns the old key, or undefined if nothing was retired
 * @throws {AurochsError} `KEY_LOCKED`, `CANNOT_DECRYPT`, and what `lookup` and `retract` throw
 */
export async function endDueRotation(o: LifeOptions): Promise<Fingerprint | undefined> {
  const rotation = await rotationOf(o)
  if (rotation === undefined || rotation.retireAt.getTime() > o.clock.now().getTime()) return undefined
  const state = await withSecrets(o, async (own) => {
    return stateOf(rotation, own, goodIn(await readDirectory({ ...o, owner: o.account, now: o.clock.now() })))
  })
  if (state === "over") await endRotation(o)
  if (state !== "due") return undefined
  await retireKey({ ...o, fingerprint: rotation.from })
  return rotation.from
}
