import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Certificate,
  type Random,
  throwIfAborted,
  type XmlElement,
} from "@aurochs/core"
import type { CryptoProvider, Limits, Opened, SecretKey } from "@aurochs/crypto"
import type { ContentElement, ContentKind } from "@aurochs/xml"
import { readContent, writeContent } from "./content-text.ts"

/** What all three content elements need. */
export interface ContentOptions extends CallOptions {
  /** Whom it is meant for: at least one for `signcrypt` and `sign` (XEP-0373 §3.1). */
  readonly to: readonly BareJid[]
  /** The children of `<payload/>`. */
  readonly payload: readonly XmlElement[]
  readonly provider: CryptoProvider
  /** Becomes `<time/>` and the time of the signature. */
  readonly now: Date
  /** For `<rpad/>`. */
  readonly random: Random
}

/** Encrypted to each of these; one's own certificate belongs among them (XEP-0373 §3.1). */
export interface Encrypted {
  readonly recipients: readonly Certificate[]
}

/** Signed with this key. */
export interface Signed {
  readonly signWith: SecretKey
}

/** What {@link sealContent} needs, by the kind of content element. */
export interface SealContentOptions {
  readonly signcrypt: ContentOptions & Encrypted & Signed
  readonly sign: ContentOptions & Signed
  readonly crypt: ContentOptions & Encrypted
}

/**
 * Makes the binary OpenPGP message of one content element, for any stanza (XEP-0373 §3.1): `signcrypt` is signed and
 * encrypted, `sign` signed only, `crypt` encrypted only. For chat messages use `seal`.
 *
 * @throws {AurochsError} `BAD_DATA` (`message`: no `to`; `xml`: a character that XML cannot carry), `NO_USABLE_KEY`,
 * `KEY_LOCKED`, `BACKEND`, `ABORTED`
 */
export async function sealContent<K extends ContentKind>(kind: K, options: SealContentOptions[K]): Promise<Uint8Array> {
  throwIfAborted(options)
  return protectContent(kind, writeContent(kind, options), options)
}

/** The cryptographic half of {@link sealContent}. */
export async function protectContent(
  kind: ContentKind,
  plaintext: Uint8Array,
  options: ContentOptions & Partial<Encrypted & Signed>,
): Promise<Uint8Array> {
  const { provider, now, signal, recipients, signWith } = options
  if (kind !== "sign" && (recipients === undefined || recipients.length === 0)) throw missing("recipients")
  if (kind !== "crypt" && signWith === undefined) throw missing("signWith")
  if (kind === "crypt") return provider.encrypt(plaintext, { recipients: recipients ?? [], now, signal })
  if (signWith === undefined) throw missing("signWith")
  if (kind === "sign") return provider.sign(plaintext, { signWith, now, signal })
  return provider.signcrypt(plaintext, { recipients: recipients ?? [], signWith, now, signal })
}

/** A content element with what the engine said of the OpenPGP message around it. */
export interface OpenedContent {
  readonly content: ContentElement
  /** Look at every signature before anything of `content` counts (XEP-0373 §3.2). */
  readonly opened: Opened
}

/** What {@link openContent} needs. */
export interface OpenContentOptions extends CallOptions {
  readonly provider: CryptoProvider
  readonly decryptWith: readonly SecretKey[]
  /** The only certificates whose signatures can be valid. */
  readonly verifyWith: readonly Certificate[]
  readonly now: Date
  readonly limits?: Partial<Limits> | undefined
}

/**
 * Opens the binary OpenPGP message of one content element, of any kind (XEP-0373 §3.1). Protection and kind have to
 * agree: a `signcrypt` is encrypted and signed, a `sign` not encrypted, a `crypt` not signed (R3, R5, R6). Whether a
 * signature is good, whose it is, for whom and when it was written is for the caller to judge; for chat messages
 * `open` does.
 *
 * @param bytes binary OpenPGP message
 * @throws {AurochsError} `BAD_DATA` (`message`, `xml`; with `limit` if a bound was exceeded), `CANNOT_DECRYPT`,
 * `UNSUPPORTED`, `BACKEND`, `ABORTED`
 */
export async function openContent(bytes: Uint8Array, options: OpenContentOptions): Promise<OpenedContent> {
  throwIfAborted(options)
  const { provider, decryptWith, verifyWith, now, signal, limits } = options
  const opened = await provider.open(bytes, { decryptWith, verifyWith, now, limits, signal })
  const content = readContent(opened.plaintext, limits)
  if (!protectionFits(content.kind, opened)) {
    throw new AurochsError("BAD_DATA", `a <${content.kind}/> is protected otherwise`, { what: "message" })
  }
  return { content, opened }
}

/** Is the OpenPGP message protected as its content element says (XEP-0373 §3.1)? */
function protectionFits(kind: ContentKind, opened: Opened): boolean {
  const signed = opened.signatures.length > 0
  return opened.encrypted === (kind !== "sign") && signed === (kind !== "crypt")
}

function missing(field: string): AurochsError<"CONFIGURATION"> {
  return new AurochsError("CONFIGURATION", `this kind of content element needs ${field}`, { field })
}
