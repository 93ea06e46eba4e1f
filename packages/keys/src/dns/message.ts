import { decode, encode } from "dns-packet"

/** OPENPGPKEY (RFC 7929 §2); the library has no name for it. */
const TYPE = "UNKNOWN_61"
/** RFC 2535 §6.1 and RFC 6840 §5.7: in a question AD asks for AD in the answer. */
const RECURSION_DESIRED = 1 << 8
const AUTHENTIC_DATA = 1 << 5
/** Fits into one packet everywhere (DNS flag day 2020). */
const UDP_PAYLOAD_BYTES = 1232
const MAX_ALIASES = 8
/** In one section of an answer. */
const MAX_RECORDS = 128

/** What a resolver says of a name's OPENPGPKEY records. */
export type DnsAnswer =
  | { readonly kind: "truncated" }
  /** No record, or no such name. */
  | { readonly kind: "nothing" }
  /** `SERVFAIL` and others, in capitals. A resolver that validates says `SERVFAIL` to what was tampered with. */
  | { readonly kind: "failed"; readonly rcode: string }
  | {
      readonly kind: "records"
      readonly records: readonly Uint8Array[]
      /** The resolver says that it validated them (AD). */
      readonly isValidated: boolean
      readonly ttlMs: number
    }

/** A question for the OPENPGPKEY records of a name, with EDNS (RFC 6891). */
export function question(id: number, name: string): Uint8Array {
  const options = { type: "OPT", name: ".", udpPayloadSize: UDP_PAYLOAD_BYTES, flags: 0, options: [] }
  const packet = {
    id,
    type: "query",
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ type: TYPE, class: "IN", name }],
    additionals: [options],
  }
  // The library's types know no UNKNOWN_61; its code does.
  return new Uint8Array(encode(packet as unknown as Parameters<typeof encode>[0]))
}

interface Decoded {
  readonly id: number
  readonly type: string
  readonly rcode: string
  readonly flag_tc: boolean
  readonly flag_ad: boolean
  readonly questions: readonly { readonly name: string; readonly type: string; readonly class: string }[]
  readonly answers: readonly {
    readonly name: string
    readonly type: string
    readonly class: string
    readonly ttl: number
    readonly data: unknown
  }[]
}

/**
 * Reads an answer.
 *
 * @returns undefined if it cannot be read or is not the answer to this question: whoever sent it is not listened to
 */
export function answerTo(id: number, name: string, bytes: Uint8Array): DnsAnswer | undefined {
  if (!mayBeAnswer(id, bytes)) return undefined
  const packet = decoded(bytes)
  const [asked, ...others] = packet?.questions ?? []
  if (packet === undefined || asked === undefined || others.length > 0) return undefined
  const isOurs = packet.type === "response" && packet.id === id
  if (!isOurs || !sameName(asked.name, name) || asked.type !== TYPE || asked.class !== "IN") return undefined
  if (packet.flag_tc) return { kind: "truncated" }
  if (packet.rcode === "NXDOMAIN") return { kind: "nothing" }
  if (packet.rcode !== "NOERROR") return { kind: "failed", rcode: packet.rcode }
  const alias = aliasOf(packet, name)
  const own = packet.answers.filter((one) => one.type === TYPE && one.class === "IN" && sameName(one.name, alias))
  const records = own.flatMap(({ data }) =>
    data instanceof Uint8Array && data.length > 0 ? [new Uint8Array(data)] : [],
  )
  if (records.length === 0) return { kind: "nothing" }
  const ttlMs = Math.min(...own.map(({ ttl }) => ttl)) * 1000
  return { kind: "records", records, isValidated: packet.flag_ad, ttlMs }
}

/** A look at the header (RFC 1035 §4.1.1) before anything is decoded: the library believes the counts in it. */
function mayBeAnswer(id: number, bytes: Uint8Array): boolean {
  if (bytes.length < 12) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isResponse = (view.getUint16(2) & 0x8000) !== 0
  const counts = [view.getUint16(6), view.getUint16(8), view.getUint16(10)]
  return view.getUint16(0) === id && isResponse && view.getUint16(4) === 1 && Math.max(...counts) <= MAX_RECORDS
}

function decoded(bytes: Uint8Array): Decoded | undefined {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as unknown as Decoded
  } catch {
    return undefined
  }
}

/** Where CNAME records lead (RFC 1034 §3.6.2). */
function aliasOf(packet: Decoded, name: string): string {
  let at = name
  for (let hop = 0; hop < MAX_ALIASES; hop++) {
    const next = packet.answers.find((one) => one.type === "CNAME" && sameName(one.name, at))
    if (typeof next?.data !== "string") return at
    at = next.data
  }
  return at
}

function sameName(a: string, b: string): boolean {
  const plain = (name: string) => name.toLowerCase().replace(/\.$/, "")
  return plain(a) === plain(b)
}
