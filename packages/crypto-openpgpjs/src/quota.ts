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

/** How far the parser came inside of one message. */
interface State {
  left: number
  started: boolean
  exceeded: boolean
  compressed: boolean
  failure: string | undefined
}

/** Where a configuration keeps it: also a copy that the library may make has it. */
const state = Symbol("quota")
type WithState = pgp.Config & { readonly [state]?: State }

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
  const own: State = { left: maxPackets, started: false, exceeded: false, compressed: false, failure: undefined }
  const counting: WithState = {
    ...config,
    enforceGrammar: false,
    additionalAllowedPackets: ALLOWED,
    get ignoreMalformedPackets(): boolean {
      throw new Error("the parser was stopped")
    },
    [state]: own,
  }
  return {
    config: counting,
    started: () => own.started,
    exceeded: () => own.exceeded,
    failure: () => own.failure,
  }
}

/** @throws if it is no configuration of a quota, or its last packet was read */
function take(own: State | undefined): void {
  if (own === undefined) throw new Error("nothing counts the packets")
  own.started = true
  own.left--
  if (own.left >= 0) return
  own.exceeded = true
  throw new Error("too many packets")
}

function takeCompressed(own: State | undefined): void {
  take(own)
  if (own?.compressed !== false) throw new Error("compression inside compression")
  own.compressed = true
}

function refuse(own: State | undefined): never {
  if (own !== undefined) own.started = true
  throw new Error("a packet that does not belong into a message")
}

/** Something that the library can call `new` on and finds a tag at. */
function replaced(tag: number, make: () => object): Allowed {
  const Packet = function Packet(): object {
    return make()
  }
  // As text: the library takes the number 0 for no tag at all.
  return Object.assign(Packet as unknown as new () => object, { tag: String(tag) as unknown as Allowed["tag"] })
}

/** Runs `check` before the packet reads anything, and remembers what its reading throws. */
function before(packet: object, check: (own: State | undefined) => void): object {
  const parsed = packet as Parsed
  const read = parsed.read.bind(packet)
  parsed.read = async (bytes, config) => {
    const own = (config as WithState)[state]
    try {
      check(own)
      await read(bytes, config)
    } catch (error) {
      if (own !== undefined) own.failure = error instanceof Error ? error.message : ""
      throw error
    }
  }
  return packet
}

/** The parser's classes, for every type. They are the same for all messages: what differs stands in the configuration. */
const ALLOWED: Allowed[] = Array.from({ length: 64 }, (_, tag) => {
  if (tag === tags.compressedData) return replaced(tag, () => before(new pgp.CompressedDataPacket(), takeCompressed))
  const Inside = INSIDE.find((one) => Number(one.tag) === tag)
  if (Inside !== undefined) return replaced(tag, () => before(new Inside(), take))
  return replaced(tag, () => ({ read: (_: Uint8Array, config: WithState) => refuse(config[state]) }))
})
