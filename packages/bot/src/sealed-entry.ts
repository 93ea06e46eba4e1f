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
import { parseXml, serializeXml } from "@aurochs/xml"
import type { OutboxKey } from "./outbox-key.ts"

/** What waits in the outbox, sealed. */
export interface WaitingMessage {
  readonly recipient: BareJid
  /** The outbox key: an old entry cannot be put in again under another one. */
  readonly key: string
  readonly payload: readonly XmlElement[]
  /** Never in plaintext, whatever `encryption` says: replies to encrypted messages. */
  readonly encryptedOnly: boolean
}

const NAMESPACE = "urn:aurochs:outbox"

/** What sealing and opening work with. */
export interface EntryOptions extends CallOptions {
  readonly account: BareJid
  readonly outboxKey: OutboxKey
}

/**
 * Seals a waiting message: nothing in the outbox is readable, and who can write to the database cannot make the bot say
 * something.
 */
export async function sealEntry(message: WaitingMessage, options: EntryOptions): Promise<Uint8Array> {
  const text = JSON.stringify({
    recipient: message.recipient,
    key: message.key,
    payload: serializeXml(element("payload", NAMESPACE, {}, message.payload)),
    encryptedOnly: message.encryptedOnly,
  })
  return options.outboxKey.seal(new TextEncoder().encode(text), about(options.account), options)
}

/**
 * Opens what the outbox gave back, and holds it against the entry it lay in.
 *
 * @returns `refused` with the reason: it is not what this bot put in, for this recipient under this key
 * @throws {AurochsError} `ABORTED`, `BACKEND`, `STORAGE`: it could not be tried
 */
export async function openEntry(
  entry: { readonly recipient: BareJid; readonly key: string; readonly sealed: Uint8Array },
  options: EntryOptions,
): Promise<
  { readonly kind: "opened"; readonly message: WaitingMessage } | { readonly kind: "refused"; readonly because: string }
> {
  const text = await options.outboxKey.open(entry.sealed, about(options.account), options)
  if (text === undefined) return refused("it was not sealed by this bot")
  try {
    const message = read(text)
    if (message === undefined) return refused("it is not a waiting message")
    if (!sameBareJid(message.recipient, entry.recipient)) return refused("it is for another recipient")
    if (message.key !== entry.key) return refused("it was queued under another key")
    return { kind: "opened", message }
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return refused("it is damaged")
    throw error
  }
}

/** Whose outbox it is. */
function about(account: BareJid): Uint8Array {
  return new TextEncoder().encode(account)
}

function refused(because: string): { readonly kind: "refused"; readonly because: string } {
  return { kind: "refused", because }
}

function read(text: Uint8Array): WaitingMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text))
  } catch (error) {
    throw new AurochsError("BAD_DATA", "the waiting message is not JSON", { what: "message" }, { cause: error })
  }
  if (typeof value !== "object" || value === null) return undefined
  const { recipient, key, payload, encryptedOnly } = value as Record<string, unknown>
  if (typeof recipient !== "string" || typeof key !== "string" || typeof payload !== "string") return undefined
  if (typeof encryptedOnly !== "boolean") return undefined
  return {
    recipient: bareJid(recipient),
    key,
    payload: childElements(parseXml(payload, { maxBytes: 4_194_304 })),
    encryptedOnly,
  }
}
