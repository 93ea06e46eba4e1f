import * as pgp from "openpgp"

/** What the library's parser may do inside one message. */
export interface Quota {
  /** To parse with, once: it counts. */
  readonly config: pgp.Config
  /** Did the parser get at any bytes? It does once the data was decrypted and its integrity was verified. */
  started(): boolean
  /** Did the parser have to be stopped because there were too many packets? */
  exceeded(): boolean
  /** What the last packet that failed said: the parser itself only says that it was stopped. */
  failure(): string | undefined
}

const { packet: tags } = pgp.enums

/** What may stand inside a message; the library drops markers, trust and padding by itself. */
const INSIDE = [pgp.LiteralDataPacket, pgp.OnePassSignaturePacket, pgp.SignaturePacket] as const

type Allowed = pgp.Config["additionalAllowedPackets"][number]

/** A packet as the library's parser uses it. */
interface Parsed {
  read(bytes: Uint8Array, config: pgp.Config): unknown
}

/**
 * A configuration that lets the library parse at most this many packets, and stops it then. By itself it parses to the
 * end whatever is wrong, and every wrong packet costs it an exception: a megabyte of them took eight seconds (attack
 * A16).
 *
 * The parser is given packet classes of ours for every type, which count; and it asks whether malformed packets are
 * to be ignored exactly when one has failed: that question ends it. Its own grammar is off, since it too fails packet
 * by packet; the caller has a stricter one.
 */
export function quota(config: pgp.Config, maxPackets: number): Quota {
  let left = maxPackets
  let started = false
  let exceeded = false
  let compressed = false
  let failure: string | undefined
  const failed = (error: unknown): never => {
    failure = error instanceof Error ? error.message : ""
    throw error
  }
  const take = () => {
    started = true
    left--
    if (left >= 0) return
    exceeded = true
    throw new Error("too many packets")
  }
  const once = () => {
    take()
    if (compressed) throw new Error("compression inside compression")
    compressed = true
  }
  const refuse = () => {
    started = true
    throw new Error("a packet that does not belong into a message")
  }
  const allowed = new Map<number, Allowed>()
  for (let tag = 0; tag < 64; tag++)
    allowed.set(
      tag,
      replaced(tag, () => ({ read: refuse })),
    )
  for (const Packet of INSIDE)
    allowed.set(
      Packet.tag,
      replaced(Packet.tag, () => before(new Packet(), take, failed)),
    )
  const tag = tags.compressedData
  allowed.set(
    tag,
    replaced(tag, () => before(new pgp.CompressedDataPacket(), once, failed)),
  )
  return {
    config: {
      ...config,
      enforceGrammar: false,
      additionalAllowedPackets: [...allowed.values()],
      get ignoreMalformedPackets(): boolean {
        throw new Error("the parser was stopped")
      },
    },
    started: () => started,
    exceeded: () => exceeded,
    failure: () => failure,
  }
}

/** Something that the library can call `new` on and finds a tag at. */
function replaced(tag: number, make: () => object): Allowed {
  const Packet = function Packet(): object {
    return make()
  }
  // As text: the library takes the number 0 for no tag at all.
  return Object.assign(Packet as unknown as new () => object, { tag: String(tag) as unknown as Allowed["tag"] })
}

/** Runs `check` before the packet reads anything, and `failed` with what its reading throws. */
function before(packet: object, check: () => void, failed: (error: unknown) => never): object {
  const parsed = packet as Parsed
  const read = parsed.read.bind(packet)
  parsed.read = async (bytes, config) => {
    try {
      check()
      await read(bytes, config)
    } catch (error) {
      failed(error)
    }
  }
  return packet
}
