import { type BareJid, bareJid, element, type KnownKey, type XmlElement } from "@aurochs/core"
import { encodeBase64, namespaces } from "@aurochs/xml"
import * as pgp from "openpgp"

// Makes messages as other clients and attackers would, with OpenPGP.js alone: nothing here goes through `seal`.

/** When everything happens. */
export const now = new Date("2026-11-23T12:00:00Z")
/** When the keys were made. */
export const born = new Date("2026-11-01T00:00:00Z")

/** Somebody with a key. */
export interface Person {
  readonly jid: BareJid
  readonly key: pgp.PrivateKey
  /** Binary certificate. */
  readonly certificate: Uint8Array
}

/** Refuses nothing, so that weak and odd things can be made. */
export const config: pgp.Config = {
  ...pgp.config,
  minRSABits: 512,
  nonDeterministicSignaturesViaNotation: false,
  rejectHashAlgorithms: new Set(),
  rejectMessageHashAlgorithms: new Set(),
  rejectPublicKeyAlgorithms: new Set(),
}

export async function person(local: string, options: Partial<pgp.KeyOptions> = {}): Promise<Person> {
  const jid = bareJid(`${local}@ox.test`)
  const { privateKey } = await pgp.generateKey({
    type: "ecc",
    curve: "curve25519Legacy",
    userIDs: [{ name: `xmpp:${jid}` }],
    date: born,
    config,
    ...options,
    format: "object",
  } as pgp.KeyOptions & { format: "object" })
  return personOf(jid, privateKey)
}

export function personOf(jid: BareJid, key: pgp.PrivateKey): Person {
  return { jid, key, certificate: key.toPublic().write() }
}

/** What to make an OpenPGP message of. */
export interface Forgery {
  readonly text: string | Uint8Array
  /** Nobody: not encrypted. */
  readonly for?: readonly Person[]
  readonly by?: readonly Person[]
  readonly date?: Date
  readonly hidden?: boolean
  /** Over the bytes unless this says otherwise. */
  readonly signature?: "text"
  readonly config?: Partial<pgp.Config>
}

export async function forge(forgery: Forgery): Promise<Uint8Array> {
  const { text, date = now, hidden = false } = forgery
  const binary = typeof text === "string" ? new TextEncoder().encode(text) : text
  const isText = forgery.signature === "text" && typeof text === "string"
  const made = isText ? await pgp.createMessage({ text, date }) : await pgp.createMessage({ binary, date })
  const message = made as pgp.Message<Uint8Array>
  const signingKeys = (forgery.by ?? []).map(({ key }) => key)
  const encryptionKeys = (forgery.for ?? []).map(({ key }) => key.toPublic())
  const merged = { ...config, ...forgery.config }
  if (encryptionKeys.length === 0) {
    return (await pgp.sign({ message, signingKeys, date, config: merged, format: "binary" })) as Uint8Array
  }
  const options = { message, encryptionKeys, signingKeys, date, wildcard: hidden, config: merged }
  return (await pgp.encrypt({ ...options, format: "binary" })) as Uint8Array
}

/** What somebody who could read a message changes in it when encrypting it again. */
export interface Changes {
  readonly text?: (text: string) => string
  /** Whose signature is the only one that is left. */
  readonly by?: Person
}

/** The same signed text, encrypted again by somebody who could read it. */
export async function reencrypted(bytes: Uint8Array, reader: Person, changes: Changes = {}): Promise<Uint8Array> {
  const { packets: listed } = await (await pgp.readMessage({ binaryMessage: bytes })).decrypt([reader.key])
  const packets = new pgp.PacketList<pgp.AnyPacket>()
  // The list itself ends with the text until somebody verifies; the stream has all of it.
  for (const packet of (listed as unknown as { stream: readonly pgp.AnyPacket[] }).stream) {
    if (packet instanceof pgp.LiteralDataPacket) changeText(packet, changes.text)
    const { issuerKeyID } = packet as { issuerKeyID?: pgp.KeyID }
    if (changes.by !== undefined && issuerKeyID?.equals(changes.by.key.getKeyID()) === false) continue
    // None follows (RFC 9580 §5.4).
    if (changes.by !== undefined && packet instanceof pgp.OnePassSignaturePacket) Object.assign(packet, { flags: 1 })
    packets.push(packet)
  }
  const message = new pgp.Message<Uint8Array>(packets)
  return (await pgp.encrypt({ message, encryptionKeys: reader.key.toPublic(), format: "binary" })) as Uint8Array
}

function changeText(literal: pgp.LiteralDataPacket, change: Changes["text"] = (text) => text): void {
  const own = literal as unknown as { getBytes(): Uint8Array; setBytes(bytes: Uint8Array, format: number): void }
  const changed = change(new TextDecoder().decode(own.getBytes()))
  own.setBytes(new TextEncoder().encode(changed), pgp.enums.literal.utf8)
}

/** The parts of a content element as text; each can be replaced. */
export interface ContentText {
  readonly kind?: string
  readonly attributes?: string
  readonly to?: string
  readonly time?: string
  readonly rpad?: string
  readonly payload?: string
  readonly more?: string
}

export const bodyXml = (text: string): string => `<body xmlns='jabber:client'>${text}</body>`

/** A content element for alice, written as text, so that anything can be wrong with it. */
export function contentText(parts: ContentText = {}): string {
  const {
    kind = "signcrypt",
    attributes = "xmlns='urn:xmpp:openpgp:0'",
    to = "<to jid='alice@ox.test'/>",
    time = "<time stamp='2026-11-23T12:00:00Z'/>",
    rpad = "<rpad>0123456789abcdef</rpad>",
    payload = `<payload>${bodyXml("hello")}</payload>`,
    more = "",
  } = parts
  return `<${kind} ${attributes}>${to}${time}${rpad}${payload}${more}</${kind}>`
}

export const outerBody: XmlElement = element("body", namespaces.client, {}, ["outer fallback"])

export function openpgpOf(bytes: Uint8Array | string): XmlElement {
  return element("openpgp", namespaces.openpgp, {}, [typeof bytes === "string" ? bytes : encodeBase64(bytes)])
}

/** A message from bob to alice. */
export function stanzaOf(
  children: readonly (XmlElement | string)[],
  attributes: Readonly<Record<string, string | undefined>> = {},
): XmlElement {
  const usual = { type: "chat", id: "m1", from: "bob@ox.test/phone", to: "alice@ox.test" }
  return element("message", namespaces.client, { ...usual, ...attributes }, children)
}

export function knownKey(owner: Person | BareJid, certificate: Person, over: Partial<KnownKey> = {}): KnownKey {
  return {
    fingerprint: certificate.key.getFingerprint().toUpperCase(),
    bytes: certificate.certificate,
    owner: typeof owner === "string" ? owner : owner.jid,
    firstSeen: born,
    source: "pep",
    binds: "account",
    announced: true,
    approval: "none",
    ...over,
  }
}

/** With these bits of one byte changed. */
export function flipped(bytes: Uint8Array, at: number, bits = 1): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ bits
  return copy
}

/** One after the other. */
export function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]))
}
