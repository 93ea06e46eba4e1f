import { AurochsError, type Certificate, type Fingerprint } from "@aurochs/core"
import { collect } from "../collect.ts"
import {
  type LifeOptions,
  lifecycleOf,
  note,
  type Published,
  publishEverywhere,
  saveSecret,
  saveWith,
  secretWith,
  withSecrets,
} from "./parts.ts"
import { endRotationOf } from "./rotation.ts"

/** Why a key is revoked (RFC 9580 §5.2.3.31). Only `superseded` and `retired` leave alone what it signed before. */
export type RevocationReason = "superseded" | "retired" | "compromised"

/** What a change of one's own certificate led to. */
export interface Changed {
  readonly certificate: Certificate
  readonly published: readonly Published[]
}

/**
 * Revokes one of one's own keys: it is never used again. It stays in the list, so that every contact learns of it, and
 * stays here, for old messages. It cannot be taken back. A rotation that it takes part in is over: of the other key
 * nothing more is to become.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` (its secret is not here: see {@link revokeWithCertificate}), `UNSUPPORTED`,
 * `KEY_LOCKED`, `CANNOT_DECRYPT`, and what `publish` throws: then run it again
 */
export async function revokeKey(
  o: LifeOptions & { readonly fingerprint: Fingerprint; readonly reason: RevocationReason },
): Promise<Changed> {
  return withSecrets(o, async (own, passphrase) => {
    const { key, info } = secretWith(own, o.fingerprint, o)
    const now = o.clock.now()
    const certificate =
      info.revokedAt === undefined
        ? await saveWith(
            o,
            key,
            await lifecycleOf(o).revoke(key, { now, reason: o.reason, signal: o.signal }),
            passphrase,
          )
        : key.certificate
    const others = own.map((one) => one.key.certificate)
    const published = await publishEverywhere(o, certificate, others)
    await endRotationOf(o, o.fingerprint)
    await note(o, "own-key-revoked", o.fingerprint, { reason: o.reason })
    return { certificate, published }
  })
}

/**
 * Revokes a key whose secret is lost, with the revocation certificate that was made with it and kept apart. The copy to
 * be revoked is the one that the account's own list has.
 *
 * @param o.revocation binary
 * @throws {AurochsError} `NO_USABLE_KEY` (the list has no such key), `BAD_DATA` (`certificate`: it revokes another key),
 * and what the directory throws
 */
export async function revokeWithCertificate(
  o: LifeOptions & { readonly fingerprint: Fingerprint; readonly revocation: Uint8Array },
): Promise<Changed> {
  const { account, fingerprint, provider, signal } = o
  const found = await collect(o.directory.lookup({ owner: account, fingerprint }, { signal }))
  const copy = found.find((one) => "bytes" in one)
  if (copy === undefined) {
    const leftOut = [{ fingerprint, because: "not-announced" }]
    throw new AurochsError("NO_USABLE_KEY", `${account} does not announce ${fingerprint}`, { owner: account, leftOut })
  }
  const certificate = await provider.merge(copy.bytes, o.revocation, { signal })
  if (certificate.fingerprint !== fingerprint) {
    throw new AurochsError("BAD_DATA", "the account's list has another key here", { what: "certificate" })
  }
  const published = await publishEverywhere(o, certificate, [])
  await endRotationOf(o, fingerprint)
  await note(o, "own-key-revoked", fingerprint, { reason: "certificate" })
  return { certificate, published }
}

/**
 * Sets the end of one of one's own keys, and announces it so.
 *
 * @param o.expiresInMs milliseconds from now; undefined: it never expires
 * @throws {AurochsError} `NO_USABLE_KEY` (also: it is revoked), `CONFIGURATION` (`expiresInMs`), `UNSUPPORTED`,
 * `KEY_LOCKED`, `CANNOT_DECRYPT`, and what `publish` throws: then run it again
 */
export async function renewKey(
  o: LifeOptions & { readonly fingerprint: Fingerprint; readonly expiresInMs: number | undefined },
): Promise<Changed> {
  return withSecrets(o, async (own, passphrase) => {
    const { key } = secretWith(own, o.fingerprint, o)
    const now = o.clock.now()
    await using renewed = await lifecycleOf(o).renew(key, { now, expiresInMs: o.expiresInMs, signal: o.signal })
    await saveSecret(o, renewed, passphrase)
    const { certificate } = renewed
    const published = await publishEverywhere(
      o,
      certificate,
      own.map((one) => one.key.certificate),
    )
    await note(o, "own-key-renewed", o.fingerprint)
    return { certificate, published }
  })
}
