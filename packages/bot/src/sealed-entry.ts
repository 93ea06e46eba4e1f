import {
  AurochsError,
  type BareJid,
  bareJid,
  type CallOptions,
  childElements,
  element,
  isAurochsError,
  sameBareJid,
  type XmlElement,
} from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { parseXml, serializeXml } from "@aurochs/xml"

/** What waits in the outbox, sealed. */
export interface WaitingMessage {
  readonly recipient: BareJid
  /** The outbox key: an old entry cannot be put in again under another one. */
  readonly key: string
  readonly payload: readonly XmlElement[]
  /** Never in plaintext, whatever `encryption` says: replies to encrypted messages. */
  readonly encryptedOnly: boolean
}

/** Distinguishes it from anything else this key signs; the content element of a message is XML and never begins so. */
const PURPOSE = "aurochs-outbox"
const NAMESPACE = "urn:aurochs:outbox"

/**
 * Seals a waiting message to the bot's own certificates and signs it: nothing in the outbox is readable, and who can
 * write to the database cannot make the bot say something.
 */
export async function sealEntry(
  message: WaitingMessage,
  options: CallOptions & {
    readonly account: BareJid
    readonly provider: CryptoProvider
    readonly ownKey: SecretKey
    readonly now: Date
  },
): Promise<Uint8Array> {
  const { account, provider, ownKey, now, signal } = options
  const text = JSON.stringify({
    purpose: PURPOSE,
    v: 1,
    account,
    recipient: message.recipient,
    key: message.key,
    payload: serializeXml(element("payload", NAMESPACE, {}, message.payload)),
    encryptedOnly: message.encryptedOnly,
  })
  return provider.signcrypt(new TextEncoder().encode(text), {
    recipients: [ownKey.certificate],
    signWith: ownKey,
    now,
    signal,
  })
}

/**
 * Opens what the outbox gave back, and holds it against the entry it lay in.
 *
 * @returns `refused` with the reason: it is not what this bot put in, for this recipient under this key
 * @throws {AurochsError} `ABORTED`, `BACKEND`: it could not be tried
 */
export async function openEntry(
  entry: { readonly recipient: BareJid; readonly key: string; readonly sealed: Uint8Array },
  options: CallOptions & {
    readonly account: BareJid
    readonly provider: CryptoProvider
    readonly ownKeys: readonly SecretKey[]
    readonly now: Date
  },
): Promise<
  { readonly kind: "opened"; readonly message: WaitingMessage } | { readonly kind: "refused"; readonly because: string }
> {
  const { account, provider, ownKeys, now, signal } = options
  try {
    const opened = await provider.open(entry.sealed, {
      decryptWith: ownKeys,
      verifyWith: ownKeys.map((key) => key.certificate),
      now,
      signal,
      // Twice the text, for the escaping in JSON and XML.
      limits: { maxPlaintextBytes: 4_194_304, maxMessageBytes: 8_388_608 },
    })
    if (!opened.encrypted) return refused("it is not encrypted")
    if (opened.signatures.length !== 1 || opened.signatures[0]?.kind !== "valid") {
      return refused("its signature is not ours")
    }
    const message = read(opened.plaintext, account)
    if (message === undefined) return refused("it is not a waiting message of this account")
    if (!sameBareJid(message.recipient, entry.recipient)) return refused("it is for another recipient")
    if (message.key !== entry.key) return refused("it was queued under another key")
    return { kind: "opened", message }
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return refused("it is damaged")
    if (isAurochsError(error, "CANNOT_DECRYPT")) return refused("none of the own keys opens it")
    throw error
  }
}

function refused(because: string): { readonly kind: "refused"; readonly because: string } {
  return { kind: "refused", because }
}

function read(plaintext: Uint8Array, account: BareJid): WaitingMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plaintext))
  } catch (error) {
    throw new AurochsError("BAD_DATA", "the waiting message is not JSON", { what: "message" }, { cause: error })
  }
  if (typeof value !== "object" || value === null) return undefined
  const fields = value as Record<string, unknown>
  const { recipient, key, payload, encryptedOnly } = fields
  if (fields.purpose !== PURPOSE || fields.v !== 1 || fields.account !== account) return undefined
  if (typeof recipient !== "string" || typeof key !== "string" || typeof payload !== "string") return undefined
  if (typeof encryptedOnly !== "boolean") return undefined
  return {
    recipient: bareJid(recipient),
    key,
    payload: childElements(parseXml(payload, { maxBytes: 4_194_304 })),
    encryptedOnly,
  }
}
