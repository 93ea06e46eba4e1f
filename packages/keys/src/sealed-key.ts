import { AurochsError, type BareJid, type CallOptions, type Clock, isAurochsError, type Random } from "@aurochs/core"
import type { CryptoProvider, Opened, SecretKey } from "@aurochs/crypto"
import type { StateStore } from "@aurochs/storage"
import { decodeBase64, encodeBase64 } from "@aurochs/xml"
import { field } from "./json-state.ts"

/** One's own keys, as far as they are here. */
export interface OwnHandles {
  /** Signs; undefined: none is usable. */
  readonly current: SecretKey | undefined
  /** Every one, old ones too. */
  readonly all: readonly SecretKey[]
}

/** What a sealed key needs. */
export interface SealedKeyOptions extends CallOptions {
  /** What the key is for: keys of one purpose are not taken for those of another. */
  readonly purpose: "trust" | "outbox"
  readonly account: BareJid
  readonly provider: CryptoProvider
  readonly state: StateStore
  readonly own: OwnHandles
  readonly clock: Clock
  readonly random: Random
}

const KEY_BYTES = 32

/** Distinguishes it from anything else these keys sign. */
const signedPurpose = ({ purpose }: SealedKeyOptions) => `aurochs-${purpose}-key`
const stateKey = ({ purpose, account }: SealedKeyOptions) => `${purpose}/key/${account}`

/**
 * A symmetric key that only this account can have made and only this account can read: 32 random bytes, kept sealed to
 * and signed by the account's own OpenPGP keys. Who can write to the database has none of them, so a key of theirs is
 * refused. It is sealed again when the key in use has changed. Made if there is none yet.
 *
 * @returns the caller's own bytes: to be overwritten (`fill(0)`) as soon as they are imported
 * @throws {AurochsError} `STORAGE` if what is there was not sealed by one of the own keys, if there is no own key to seal
 *   a new one to, and as `StateStore`
 */
export async function sealedKey(o: SealedKeyOptions): Promise<Uint8Array> {
  const key = (await openSealedKey(o)) ?? (await makeSealedKey(o)) ?? (await openSealedKey(o))
  if (key !== undefined) return key
  const text = `there is no usable own key that the ${o.purpose} key could be sealed to`
  throw new AurochsError("STORAGE", text, { operation: `${o.purpose}.key` })
}

/**
 * Seals every sealed key that there is to the own key that is in use now, as soon as that is another one: the old one is
 * not needed for them any more. The keys themselves stay what they are, and whoever has learnt them has them.
 *
 * @param o.own without a usable one nothing is done
 * @throws {AurochsError} as {@link sealedKey}
 */
export async function sealAgain(o: Omit<SealedKeyOptions, "purpose">): Promise<void> {
  for (const purpose of ["trust", "outbox"] as const) (await openSealedKey({ ...o, purpose }))?.fill(0)
}

/**
 * The key as it is there.
 *
 * @returns undefined if there is none yet
 * @throws {AurochsError} `STORAGE` if what is there was not sealed by one of the own keys, and as `StateStore`
 */
export async function openSealedKey(o: SealedKeyOptions): Promise<Uint8Array | undefined> {
  const stored = await o.state.get(stateKey(o), { signal: o.signal })
  if (stored === undefined) return undefined
  const { key, signedBy } = await unseal(stored.bytes, o)
  const { current } = o.own
  if (current === undefined || current.certificate.fingerprint === signedBy) return key
  return orErased(key, async () => {
    // If somebody was faster, it is sealed again already.
    const call = { signal: o.signal, ifVersion: stored.version }
    await o.state.put(stateKey(o), await seal(key, current, o), call)
    return "keep"
  })
}

/**
 * Makes it. Two processes may both try: one of them wins.
 *
 * @returns undefined if there is no own key to seal it to, or another process was faster
 */
export async function makeSealedKey(o: SealedKeyOptions): Promise<Uint8Array | undefined> {
  const { current } = o.own
  if (current === undefined) return undefined
  const key = o.random.bytes(KEY_BYTES)
  return orErased(key, async () => {
    const sealed = await seal(key, current, o)
    const result = await o.state.put(stateKey(o), sealed, { signal: o.signal, ifVersion: "absent" })
    return result.kind === "stored" ? "keep" : "erase"
  })
}

/** The key, unless `work` fails or says that it is of no use: then it is overwritten. */
async function orErased(key: Uint8Array, work: () => Promise<"keep" | "erase">): Promise<Uint8Array | undefined> {
  let outcome: "keep" | "erase" = "erase"
  try {
    outcome = await work()
  } finally {
    if (outcome === "erase") key.fill(0)
  }
  return outcome === "keep" ? key : undefined
}

async function seal(key: Uint8Array, current: SecretKey, o: SealedKeyOptions): Promise<Uint8Array> {
  const text = JSON.stringify({ purpose: signedPurpose(o), v: 1, account: o.account, key: encodeBase64(key) })
  const bytes = new TextEncoder().encode(text)
  try {
    return await o.provider.signcrypt(bytes, {
      recipients: [current.certificate],
      signWith: current,
      now: o.clock.now(),
      signal: o.signal,
    })
  } finally {
    bytes.fill(0)
  }
}

async function unseal(bytes: Uint8Array, o: SealedKeyOptions) {
  let opened: Opened
  try {
    opened = await o.provider.open(bytes, {
      decryptWith: o.own.all,
      verifyWith: o.own.all.map((key) => key.certificate),
      now: o.clock.now(),
      signal: o.signal,
    })
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") || isAurochsError(error, "CANNOT_DECRYPT")) throw notOurs(o, error)
    throw error
  }
  const signedBy = signerOf(opened)
  const read = readKey(opened.plaintext, o)
  opened.plaintext.fill(0)
  if (!opened.encrypted || signedBy === undefined || read === undefined) {
    read?.fill(0)
    throw notOurs(o)
  }
  return { key: read, signedBy }
}

/** A right signature by a key of our own counts also when that key is out of use: its secret is here all the same. */
function signerOf({ signatures }: Opened) {
  const [verdict, more] = signatures
  if (verdict === undefined || more !== undefined) return undefined
  if (verdict.kind === "valid") return verdict.certificate
  if (verdict.kind !== "unverified" || verdict.reason !== "unusable-key") return undefined
  return verdict.because === "revoked" || verdict.because === "expired" ? verdict.certificate : undefined
}

function readKey(plaintext: Uint8Array, o: SealedKeyOptions): Uint8Array | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plaintext))
    const text = field(value, "key")
    if (
      field(value, "purpose") !== signedPurpose(o) ||
      field(value, "v") !== 1 ||
      field(value, "account") !== o.account
    ) {
      return undefined
    }
    const key = typeof text === "string" ? decodeBase64(text) : undefined
    return key?.length === KEY_BYTES ? key : undefined
  } catch {
    return undefined
  }
}

function notOurs({ purpose }: SealedKeyOptions, cause?: unknown): AurochsError<"STORAGE"> {
  const text = `the ${purpose} key was not sealed by a key of this account; somebody else changed the storage`
  const details = { operation: `${purpose}.key` }
  return new AurochsError("STORAGE", text, details, cause === undefined ? undefined : { cause })
}
