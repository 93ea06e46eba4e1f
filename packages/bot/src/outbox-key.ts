import { type BareJid, type CallOptions, type Clock, orAborted, type Random } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { type OwnHandles, sealedKey } from "@aurochs/keys"
import type { StateStore } from "@aurochs/storage"

/** What the outbox key needs. */
export interface OutboxKeyOptions {
  readonly account: BareJid
  readonly provider: CryptoProvider
  readonly state: StateStore
  readonly clock: Clock
  readonly random: Random
  /** Asked when the key is first needed. */
  readonly own: () => OwnHandles | Promise<OwnHandles>
}

/**
 * Seals what waits in the outbox, with a key that is itself sealed to the account's own OpenPGP key (design/012): opened
 * once, so that a message costs no public-key operation, and no card has to be asked, before it leaves.
 */
export interface OutboxKey {
  /**
   * @param about is authenticated, and not part of the result
   * @throws {AurochsError} `ABORTED`: this caller does not wait any more; what opens the key goes on for the others
   */
  seal(text: Uint8Array, about: Uint8Array, options?: CallOptions): Promise<Uint8Array>
  /** @returns undefined if it is not what {@link seal} made, about the same */
  open(sealed: Uint8Array, about: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined>
  /** Seals the key again, to the own key that is in use now. */
  ownKeyChanged(options?: CallOptions): Promise<void>
}

/** A key that cannot be taken out. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** Of what was sealed: a version, which no OpenPGP packet begins with; a salt; then AES-256-GCM's nonce and output. */
const VERSION = 1
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const INFO = new TextEncoder().encode("aurochs-outbox")
/** Texts sealed under one salt: far below where two random nonces could meet (NIST SP 800-38D §8.3 allows 2^32). */
const MAX_UNDER_A_SALT = 1_048_576
/** Derived keys that are remembered: of this process, and of those whose messages are still there. */
const MAX_REMEMBERED = 16

/** The key is opened, or made, when it is first needed. */
export function createOutboxKey(o: OutboxKeyOptions): OutboxKey {
  let opening: Promise<Key> | undefined
  const derived = new Map<string, Promise<Key>>()
  let salt: Uint8Array<ArrayBuffer> = new Uint8Array()
  let left = 0

  /** Under nobody's signal: all who wait share it. */
  const load = async () => {
    const key = await sealedKey({ ...o, purpose: "outbox", own: await o.own() })
    const bytes = new Uint8Array(key)
    try {
      return await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"])
    } finally {
      key.fill(0)
      bytes.fill(0)
    }
  }
  const base = (options: CallOptions | undefined): Promise<Key> => {
    if (opening === undefined) {
      const begun = load()
      opening = begun
      begun.catch(() => {
        if (opening === begun) opening = undefined
      })
    }
    return orAborted(opening, options)
  }
  /** The key of one salt. */
  const keyOf = async (under: Uint8Array<ArrayBuffer>, options: CallOptions | undefined): Promise<Key> => {
    const name = under.join()
    const known = derived.get(name)
    if (known !== undefined) return known
    const from = await base(options)
    const how = { name: "HKDF", hash: "SHA-256", salt: under, info: INFO }
    const made = crypto.subtle.deriveKey(how, from, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])
    derived.set(name, made)
    for (const oldest of derived.keys()) {
      if (derived.size <= MAX_REMEMBERED) break
      derived.delete(oldest)
    }
    return made
  }

  return {
    async seal(text, about, options) {
      if (left === 0) {
        salt = new Uint8Array(o.random.bytes(SALT_BYTES))
        left = MAX_UNDER_A_SALT
      }
      left -= 1
      const under = salt
      const key = await keyOf(under, options)
      const iv = new Uint8Array(o.random.bytes(NONCE_BYTES))
      const how = { name: "AES-GCM", iv, additionalData: new Uint8Array(about) }
      const sealed = new Uint8Array(await crypto.subtle.encrypt(how, key, new Uint8Array(text)))
      const result = new Uint8Array(1 + SALT_BYTES + NONCE_BYTES + sealed.length)
      result[0] = VERSION
      result.set(under, 1)
      result.set(iv, 1 + SALT_BYTES)
      result.set(sealed, 1 + SALT_BYTES + NONCE_BYTES)
      return result
    },

    async open(sealed, about, options) {
      const head = 1 + SALT_BYTES + NONCE_BYTES
      if (sealed[0] !== VERSION || sealed.length < head + TAG_BYTES) return undefined
      const key = await keyOf(sealed.slice(1, 1 + SALT_BYTES) as Uint8Array<ArrayBuffer>, options)
      const iv = sealed.slice(1 + SALT_BYTES, head) as Uint8Array<ArrayBuffer>
      try {
        const how = { name: "AES-GCM", iv, additionalData: new Uint8Array(about) }
        return new Uint8Array(await crypto.subtle.decrypt(how, key, sealed.slice(head)))
      } catch (error) {
        // The tag is wrong.
        if (error instanceof Error && error.name === "OperationError") return undefined
        throw error
      }
    },

    async ownKeyChanged(options) {
      if (opening === undefined) return
      const key = await sealedKey({ ...o, purpose: "outbox", own: await o.own(), signal: options?.signal })
      key.fill(0)
    },
  }
}
