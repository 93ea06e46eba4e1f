import type { Fingerprint } from "@aurochs/core"
import { readPackets, tag } from "@aurochs/crypto/packets"

const SUBPACKET = { created: 2, issuer: 16, issuerFingerprint: 33 } as const

/**
 * When the newest signature on a certificate was made that names its primary key as the issuer (RFC 9580 §5.2.3). Not
 * verified: of a certificate out of our own homedir, to date a further signature after it.
 *
 * @returns milliseconds since 1970; 0 if there is none
 */
export function newestOwnSignature(certificate: Uint8Array, primary: Fingerprint): number {
  const packets = readPackets(certificate, { maxPackets: Number.POSITIVE_INFINITY })
  if (typeof packets === "string") return 0
  const times = packets
    .filter((one) => one.tag === tag.signature && one.body[0] === 4)
    .map(({ body }) => {
      const [hashed, rest] = subpackets(body, 4)
      const [unhashed] = subpackets(body, rest)
      const of = (type: number) => [...hashed, ...unhashed].find((one) => one.type === type)?.body
      const issuer = of(SUBPACKET.issuerFingerprint)?.subarray(1) ?? of(SUBPACKET.issuer)
      const ours =
        issuer !== undefined &&
        issuer.length >= 8 &&
        primary.endsWith(Buffer.from(issuer).toString("hex").toUpperCase())
      const created = hashed.find((one) => one.type === SUBPACKET.created)?.body
      return ours && created?.length === 4 ? Buffer.from(created).readUInt32BE() * 1000 : 0
    })
  return Math.max(0, ...times)
}

interface Subpacket {
  readonly type: number
  readonly body: Uint8Array
}

/** The subpackets of the area that begins at `at` (RFC 9580 §5.2.3.7), and where it ends. */
function subpackets(body: Uint8Array, at: number): [readonly Subpacket[], number] {
  const end = Math.min(body.length, at + 2 + number(body.subarray(at, at + 2)))
  const found: Subpacket[] = []
  for (let i = at + 2; i < end; ) {
    const { octets, length } = lengthAt(body, i)
    const from = i + octets
    if (length < 1 || from + length > end) break
    found.push({ type: (body[from] ?? 0) & 0x7f, body: body.subarray(from + 1, from + length) })
    i = from + length
  }
  return [found, end]
}

function lengthAt(body: Uint8Array, at: number): { readonly octets: number; readonly length: number } {
  const one = body[at] ?? 0
  if (one < 192) return { octets: 1, length: one }
  if (one < 255) return { octets: 2, length: ((one - 192) << 8) + (body[at + 1] ?? 0) + 192 }
  return { octets: 5, length: number(body.subarray(at + 1, at + 5)) }
}

function number(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}
