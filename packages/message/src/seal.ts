import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Certificate,
  element,
  type Random,
  randomId,
  textOf,
  throwIfAborted,
  type XmlElement,
} from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { encryptionHint, namespaces, openpgpElement, serializeXml, storeHint } from "@aurochs/xml"
import { protectContent } from "./content.ts"
import { writeContent } from "./content-text.ts"
import { nameFor } from "./notes.ts"
import { isEnvelopeElement } from "./payload.ts"

/** Bytes of serialized XML; above 256 KiB a common server closes the connection. */
export const DEFAULT_MAX_STANZA_BYTES = 204_800

/** For readers whose client knows no OX (XEP-0374 §3.2); never the message. */
export const EXPLAINING_BODY = "This message is encrypted using OpenPGP (XEP-0374)."

/** What {@link seal} needs. There is no choice between sign, crypt and signcrypt (XEP-0374 §3.1). */
export interface SealOptions extends CallOptions {
  readonly from: BareJid
  readonly to: BareJid
  /** Every certificate of the recipient that may be encrypted to (XEP-0374 §2.3.1); at least one. */
  readonly toKeys: readonly Certificate[]
  /** It is encrypted to this key's certificate too. */
  readonly signWith: SecretKey
  /** Certificates of one's other own keys. */
  readonly alsoTo?: readonly Certificate[] | undefined
  readonly provider: CryptoProvider
  /** Becomes `<time/>` and the time of the signature. */
  readonly now: Date
  /** For the stanza's id and `<rpad/>`. */
  readonly random: Random
  /** The stanza's `id`; 128 random bits by default. */
  readonly id?: string | undefined
  /** Bytes of the whole stanza as XML; 204,800 by default. */
  readonly maxStanzaBytes?: number | undefined
}

/**
 * Seals one message for one recipient: the whole `<message/>` of XEP-0374, signed and encrypted to all of `toKeys` and
 * to oneself.
 *
 * @param payload what is secret: a body (`textBody`), chat states, corrections, …
 * @returns the stanza, ready to be sent
 * @throws {AurochsError} `NO_USABLE_KEY` (`toKeys` is empty, or the engine refuses one), `BAD_DATA` (`payload`: an element that receivers
 * drop, as hints or stanza ids; `xml`: a character that XML cannot carry; `message` with limit `maxStanzaBytes`),
 * `KEY_LOCKED`, `BACKEND`, `ABORTED`
 */
export async function seal(payload: readonly XmlElement[], options: SealOptions): Promise<XmlElement> {
  throwIfAborted(options)
  const { from, to, toKeys, signWith, alsoTo = [], provider, now, random, signal } = options
  const maxBytes = options.maxStanzaBytes ?? DEFAULT_MAX_STANZA_BYTES
  if (toKeys.length === 0) {
    throw new AurochsError("NO_USABLE_KEY", "the recipient has no usable key", { owner: to, leftOut: [] })
  }
  const refused = payload.find(isEnvelopeElement)
  if (refused !== undefined) {
    throw new AurochsError("BAD_DATA", `${nameFor(refused)} does not belong into a payload`, { what: "payload" })
  }
  const content = { to: [to], payload, provider, now, random, signal }
  const plaintext = writeContent("signcrypt", content)
  // Base64 makes four bytes of three, and encryption makes nothing smaller: no work for what cannot fit.
  if ((plaintext.length * 4) / 3 > maxBytes) throw tooLong(maxBytes)
  const recipients = distinct([...toKeys, signWith.certificate, ...alsoTo])
  const bytes = await protectContent("signcrypt", plaintext, { ...content, recipients, signWith })
  const openpgp = openpgpElement.write(bytes)
  const id = options.id ?? randomId(random)
  const stanza = stanzaOf({ id, to, from }, openpgp)
  if (stanzaBytes(stanza, openpgp) > maxBytes) throw tooLong(maxBytes)
  return stanza
}

function stanzaOf(attributes: Readonly<Record<"id" | "to" | "from", string>>, openpgp: XmlElement): XmlElement {
  return element("message", namespaces.client, { type: "chat", ...attributes }, [
    element("body", namespaces.client, {}, [EXPLAINING_BODY]),
    storeHint(),
    encryptionHint.write({ namespace: namespaces.openpgp }),
    openpgp,
  ])
}

const utf8 = new TextEncoder()
/** Attributes that are written as they are, a byte for each character. */
const PLAIN_VALUE = /^[\x20-\x25\x28-\x3b\x3d\x3f-\x7e]*$/
let emptyBytes: number | undefined

/** Bytes of the stanza as XML. Base64 is written as it is, a byte for each character: it need not be written to be measured. */
function stanzaBytes(stanza: XmlElement, openpgp: XmlElement): number {
  const { id = "", to = "", from = "" } = stanza.attributes
  const base64 = textOf(openpgp).length
  const values = id + to + from
  if (!PLAIN_VALUE.test(values)) return writtenBytes({ id, to, from }) + base64
  emptyBytes ??= writtenBytes({ id: "", to: "", from: "" })
  return emptyBytes + values.length + base64
}

/**
 * Bytes of a stanza with nothing inside of its `<openpgp/>`.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`): a character that XML cannot carry
 */
function writtenBytes(attributes: Readonly<Record<"id" | "to" | "from", string>>): number {
  const openpgp = element("openpgp", namespaces.openpgp, {}, ["="])
  return utf8.encode(serializeXml(stanzaOf(attributes, openpgp))).length - 1
}

/** Each fingerprint once, in the order given. */
function distinct(certificates: readonly Certificate[]): Certificate[] {
  const byFingerprint = new Map<string, Certificate>()
  for (const certificate of certificates) {
    if (!byFingerprint.has(certificate.fingerprint)) byFingerprint.set(certificate.fingerprint, certificate)
  }
  return [...byFingerprint.values()]
}

function tooLong(maxBytes: number): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `the message is too long: its stanza would exceed ${maxBytes} bytes`, {
    what: "message",
    limit: "maxStanzaBytes",
  })
}
