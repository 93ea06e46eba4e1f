import { AurochsError, type BareJid, type CallOptions, type Clock, isAurochsError, type Random } from "@aurochs/core"
import type { CryptoProvider, Opened, SecretKey } from "@aurochs/crypto"
import type { StateStore } from "@aurochs/storage"
import { decodeBase64, encodeBase64 } from "@aurochs/xml"
import { field } from "../json-state.ts"

/** One's own keys, as far as they are here. */
export interface OwnHandles {
  /** Signs; undefined: none is usable. */
  readonly current: SecretKey | undefined
  /** Every one, old ones too. */
  readonly all: readonly SecretKey[]
}

/** What opening the trust key needs. */
export interface TrustKeyOptions extends CallOptions {
  readonly account: BareJid
  readonly provider: CryptoProvider
  readonly state: StateStore
  readonly own: OwnHandles
  readonly clock: Clock
  readonly random: Random
}

/** Distinguishes it from anything else these keys sign. */
const PURPOSE = "aurochs-trust-key"
const KEY_BYTES = 32

const stateKey = (account: BareJid) => `trust/key/${account}`

/**
 * The key that authenticates the trust records: 32 random bytes, kept sealed to and signed by the account's own OpenPGP
 * keys. Who can write to the database has none of them, so a key of theirs is refused. It is sealed again when the key
 * in use has changed.
 *
 * @returns undefined if there is none yet
 * @throws {AurochsError} `STORAGE` if what is there was not sealed by one of the own keys, and as `StateStore`
 */
export async function openTrustKey(o: TrustKeyOptions): Promise<Uint8Array | undefined> {
  const stored = await o.state.get(stateKey(o.account), { signal: o.signal })
  if (stored === undefined) return undefined
  const { key, signedBy } = await unseal(stored.bytes, o)
  const { current } = o.own
  if (current !== undefined && current.certificate.fingerprint !== signedBy) {
    // If somebody was faster, it is sealed again already.
    const call = { signal: o.signal, ifVersion: stored.version }
    await o.state.put(stateKey(o.account), await seal(key, current, o), call)
  }
  return key
}

/**
 * Makes it. Two processes may both try: one of them wins.
 *
 * @returns undefined if there is no own key to seal it to, or another process was faster
 */
export async function makeTrustKey(o: TrustKeyOptions): Promise<Uint8Array | undefined> {
  if (o.own.current === undefined) return undefined
  const key = o.random.bytes(KEY_BYTES)
  const sealed = await seal(key, o.own.current, o)
  const result = await o.state.put(stateKey(o.account), sealed, { signal: o.signal, ifVersion: "absent" })
  return result.kind === "stored" ? key : undefined
}

async function seal(key: Uint8Array, current: SecretKey, o: TrustKeyOptions): Promise<Uint8Array> {
  const text = JSON.stringify({ purpose: PURPOSE, v: 1, account: o.account, key: encodeBase64(key) })
  return o.provider.signcrypt(new TextEncoder().encode(text), {
    recipients: [current.certificate],
    signWith: current,
    now: o.clock.now(),
    signal: o.signal,
  })
}

async function unseal(bytes: Uint8Array, o: TrustKeyOptions) {
  let opened: Opened
  try {
    opened = await o.provider.open(bytes, {
      decryptWith: o.own.all,
      verifyWith: o.own.all.map((key) => key.certificate),
      now: o.clock.now(),
      signal: o.signal,
    })
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") || isAurochsError(error, "CANNOT_DECRYPT")) throw notOurs(error)
    throw error
  }
  const signedBy = signerOf(opened)
  const read = readKey(opened.plaintext, o.account)
  if (!opened.encrypted || signedBy === undefined || read === undefined) throw notOurs()
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

function readKey(plaintext: Uint8Array, account: BareJid): Uint8Array | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plaintext))
    const text = field(value, "key")
    if (field(value, "purpose") !== PURPOSE || field(value, "v") !== 1 || field(value, "account") !== account) {
      return undefined
    }
    const key = typeof text === "string" ? decodeBase64(text) : undefined
    return key?.length === KEY_BYTES ? key : undefined
  } catch {
    return undefined
  }
}

function notOurs(cause?: unknown): AurochsError<"STORAGE"> {
  const text = "the key of the trust records was not sealed by a key of this account; somebody else changed the storage"
  return new AurochsError("STORAGE", text, { operation: "trust.key" }, cause === undefined ? undefined : { cause })
}
