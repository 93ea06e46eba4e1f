import { AurochsError, type BareJid, type Random, type XmlElement } from "@aurochs/core"
import { defaultLimits, type Limits } from "@aurochs/crypto"
import { type ContentElement, type ContentKind, contentElement, parseXml, serializeXml } from "@aurochs/xml"
import { randomPadding } from "./rpad.ts"

/**
 * Writes a content element: to, time, rpad, payload, in this order and nothing else (XEP-0373 §3.1). `<sign/>` gets no
 * `<rpad/>`: its length is no secret.
 *
 * @throws {AurochsError} `BAD_DATA` (`message`: no `to` where one is needed; `xml`: a character that XML cannot carry)
 */
export function writeContent(
  kind: ContentKind,
  o: {
    readonly to: readonly BareJid[]
    readonly payload: readonly XmlElement[]
    readonly now: Date
    readonly random: Random
  },
): Uint8Array {
  if (kind !== "crypt" && o.to.length === 0) {
    throw new AurochsError("BAD_DATA", `a <${kind}/> has to name whom it is for`, { what: "message" })
  }
  const rpad = kind === "sign" ? undefined : randomPadding(o.random)
  const written = contentElement.write({ kind, to: o.to, time: o.now, rpad, payload: o.payload })
  return utf8.encode(serializeXml(written))
}

const utf8 = new TextEncoder()

/**
 * Reads what was signed or encrypted: exactly one content element in strict UTF-8 and strict XML (R1).
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`, with `limit` if a bound was exceeded)
 */
export function readContent(plaintext: Uint8Array, limits?: Partial<Limits>): ContentElement {
  const maxBytes = limits?.maxPlaintextBytes ?? defaultLimits.maxPlaintextBytes
  return contentElement.read(parseXml(plaintext, { maxBytes }))
}
