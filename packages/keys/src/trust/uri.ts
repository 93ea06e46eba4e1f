import { AurochsError, type BareJid, type Fingerprint, fingerprint, isAurochsError, toBareJid } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"

/** What a URI with fingerprints says, e.g. one that was read from a QR code. */
export interface KeyUri {
  /** Undefined: the URI names no account (`openpgp4fpr:`). */
  readonly owner?: BareJid | undefined
  readonly trust: readonly Fingerprint[]
  readonly distrust: readonly Fingerprint[]
}

/** Longest URI that is read; a QR code holds less. */
const MAX_LENGTH = 4_296
const MAX_KEYS = 32

/**
 * The fingerprints of an account as a Trust Message URI (XEP-0434 §8.1.1), for a QR code or a web page:
 * `xmpp:juliet@example.org?trust-message;encryption=urn:xmpp:openpgp:0;trust=…`.
 *
 * @param fingerprints of primary keys, at least one
 */
export function trustUri(owner: BareJid, fingerprints: readonly Fingerprint[]): string {
  const keys = fingerprints.map((one) => `trust=${one.toLowerCase()}`)
  return `xmpp:${encodeJid(owner)}?trust-message;${[`encryption=${namespaces.openpgp}`, ...keys].join(";")}`
}

/** One fingerprint as OpenKeychain writes it: `openpgp4fpr:` and hex. It does not say whose it is. */
export function fingerprintUri(print: Fingerprint): string {
  return `openpgp4fpr:${print}`
}

/**
 * Reads a Trust Message URI (XEP-0434 §8.1.1) or an `openpgp4fpr:` URI. Whoever acts on one asks first: it is worth as
 * much as the place it was read from.
 *
 * @throws {AurochsError} `BAD_DATA` (`fingerprint`) if it is neither, is for another encryption, or names no key
 */
export function readKeyUri(text: string): KeyUri {
  const uri = text.trim()
  if (uri.length > MAX_LENGTH) throw bad("it is too long")
  const [, scheme = "", rest = ""] = /^([a-z0-9]+):(.*)$/is.exec(uri) ?? []
  if (scheme.toLowerCase() === "openpgp4fpr") return { trust: [readPrint(rest)], distrust: [] }
  if (scheme.toLowerCase() !== "xmpp") throw bad("it is neither xmpp: nor openpgp4fpr:")
  const [, path = "", query = ""] = /^([^?#]*)\?([^#]*)/.exec(rest) ?? []
  const [type, ...pairs] = query.split(";")
  if (type !== "trust-message") throw bad("it is no trust message")
  const values = pairs.map((pair) => [pair.split("=", 1)[0] ?? "", decode(pair.slice(pair.indexOf("=") + 1))] as const)
  const [first] = values
  if (first?.[0] !== "encryption" || first[1] !== namespaces.openpgp) throw bad("it is for another encryption")
  const keys = (name: string) => values.filter(([key]) => key === name).map(([, value]) => readPrint(value))
  const [trust, distrust] = [keys("trust"), keys("distrust")]
  if (trust.length + distrust.length === 0 || trust.length + distrust.length > MAX_KEYS) throw bad("it names no key")
  return { owner: readOwner(decode(path)), trust, distrust }
}

/** RFC 5122 §2.2: everything but unreserved characters and what an address may have; the `@` stays. */
function encodeJid(jid: BareJid): string {
  return jid
    .split("@")
    .map((part) => encodeURIComponent(part))
    .join("@")
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw bad("its escapes are malformed")
  }
}

function readPrint(text: string): Fingerprint {
  try {
    return fingerprint(text)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) throw bad("a fingerprint has 40 or 64 hex digits")
    throw error
  }
}

function readOwner(text: string): BareJid {
  try {
    return toBareJid(text)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) throw bad("it names no account")
    throw error
  }
}

function bad(why: string): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `this URI cannot be read: ${why}`, { what: "fingerprint" })
}
