// What the packets of a certificate say of themselves (RFC 9580 §5.2, §5.5.4): enough to take a keyring apart and to leave
// out what is not wanted, without an engine and without believing anything of it.
import { createHash } from "node:crypto"
import { type Fingerprint, fingerprint } from "@aurochs/core"

/** Fingerprint of a key packet's body, version 4 or 6 (RFC 9580 §5.5.4); undefined for any other (R45). */
export function fingerprintOf(body: Uint8Array): Fingerprint | undefined {
  const version = body[0]
  if (version !== 4 && version !== 6) return undefined
  const head = new DataView(new ArrayBuffer(version === 4 ? 3 : 5))
  head.setUint8(0, version === 4 ? 0x99 : 0x9b)
  if (version === 4) head.setUint16(1, body.length)
  else head.setUint32(1, body.length)
  const hash = createHash(version === 4 ? "sha1" : "sha256")
  return fingerprint(hash.update(new Uint8Array(head.buffer)).update(body).digest("hex"))
}

/** The key ID within a fingerprint, in upper-case hex: the last (v4) or first (v6) eight octets (RFC 9580 §5.5.4). */
export function keyIdOf(print: Fingerprint): string {
  return print.length === 40 ? print.slice(-16) : print.slice(0, 16)
}

/** What a signature packet says of itself; nothing of it is proven. */
export interface SignatureFacts {
  readonly type: number
  /** Key IDs and fingerprints that it names as its maker, in upper-case hex. */
  readonly issuers: readonly string[]
  /** Seconds since 1970. */
  readonly createdAt: number
}

const CREATION_TIME = 2
const ISSUER_KEY_ID = 16
const ISSUER_FINGERPRINT = 33

/** Reads a signature of version 4 or 6 (RFC 9580 §5.2.3); undefined for any other, and for a damaged one. */
export function readSignature(body: Uint8Array): SignatureFacts | undefined {
  const version = body[0]
  if (version !== 4 && version !== 6) return undefined
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const width = version === 4 ? 2 : 4
  const issuers: string[] = []
  let createdAt = 0
  let at = 4
  for (const isHashed of [true, false]) {
    if (at + width > body.length) return undefined
    const end = at + width + (width === 2 ? view.getUint16(at) : view.getUint32(at))
    if (end > body.length) return undefined
    at += width
    while (at < end) {
      const length = subpacketLength(view, at)
      if (length === undefined || length.value === 0 || at + length.octets + length.value > end) return undefined
      const from = at + length.octets
      const data = body.subarray(from + 1, from + length.value)
      const kind = view.getUint8(from) & 0x7f
      if (kind === CREATION_TIME && isHashed && data.length === 4) createdAt = view.getUint32(from + 1)
      if (kind === ISSUER_KEY_ID) issuers.push(hex(data))
      if (kind === ISSUER_FINGERPRINT) issuers.push(hex(data.subarray(1)))
      at = from + length.value
    }
  }
  return { type: body[1] ?? 0, issuers, createdAt }
}

interface Length {
  readonly octets: number
  readonly value: number
}

/** RFC 9580 §5.2.3.7: like a new packet length, except that 224 to 254 begin a two-octet one. */
function subpacketLength(view: DataView, at: number): Length | undefined {
  const first = at < view.byteLength ? view.getUint8(at) : 255
  if (first < 192) return { octets: 1, value: first }
  if (first === 255) return at + 5 <= view.byteLength ? { octets: 5, value: view.getUint32(at + 1) } : undefined
  return at + 2 > view.byteLength ? undefined : { octets: 2, value: ((first - 192) << 8) + view.getUint8(at + 1) + 192 }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase()
}
