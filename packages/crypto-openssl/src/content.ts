import { inflateRawSync, inflateSync } from "node:zlib"
import type { Limits } from "@aurochs/crypto"
import { tag } from "@aurochs/crypto/packets"
import { type Packet, readPackets } from "./packets.ts"
import { announces, readSignature, type Signature } from "./signature.ts"

/** The one text of a message and the one signature on it, if there is one. */
export interface Content {
  readonly data: Buffer
  readonly signature: Signature | undefined
}

/** Room for signatures and packet headers beside the text inside a compressed packet. */
const AROUND_BYTES = 65_536

/**
 * Reads what stands inside of a message: one text, alone or between a one-pass signature and its signature, all of it
 * perhaps in one compressed packet (RFC 9580 §10.3).
 *
 * @param maxPackets that are left of the message's bound
 * @returns undefined for anything else
 */
export function readContent(inside: Buffer, limits: Limits, maxPackets: number): Content | undefined {
  const outer = readPackets(inside, maxPackets)
  const [first] = outer ?? []
  if (outer === undefined || first === undefined) return undefined
  if (first.tag !== tag.compressed) return contentOf(outer, limits)
  const inflated = outer.length === 1 ? inflate(first.body, limits.maxPlaintextBytes + AROUND_BYTES) : undefined
  const packets = inflated && readPackets(inflated, maxPackets - 1)
  return packets && contentOf(packets, limits)
}

function contentOf(packets: readonly Packet[], limits: Limits): Content | undefined {
  const [first, second, third] = packets
  if (packets.length === 1) return withSignature(first, undefined, limits)
  if (packets.length !== 3 || first?.tag !== tag.onePassSignature || third?.tag !== tag.signature) return undefined
  const signature = readSignature(third.body)
  return signature && announces(first.body, signature) ? withSignature(second, signature, limits) : undefined
}

function withSignature(
  literal: Packet | undefined,
  signature: Signature | undefined,
  limits: Limits,
): Content | undefined {
  if (literal?.tag !== tag.literal) return undefined
  const { body } = literal
  // Format, the length of a file name, the name, a time: nothing of it is signed, nothing of it counts.
  const start = 2 + (body[1] ?? 0) + 4
  if (body[0] !== BINARY || body.length < start) return undefined
  const data = body.subarray(start)
  return data.length > limits.maxPlaintextBytes ? undefined : { data, signature }
}

/** "b". Other engines may touch line endings of the others. */
const BINARY = 0x62

/**
 * ZIP or ZLIB (RFC 9580 §5.6) within a bound, to the last byte; undefined for BZIP2, which Node does not have.
 *
 * @throws if it is damaged or longer than the bound
 */
function inflate(body: Buffer, maxOutputLength: number): Buffer | undefined {
  const run = body[0] === 1 ? inflateRawSync : body[0] === 2 ? inflateSync : undefined
  if (run === undefined) return undefined
  const compressed = body.subarray(1)
  const { buffer, engine } = run(compressed, { maxOutputLength, info: true }) as unknown as WithInfo
  return engine.bytesWritten === compressed.length ? buffer : undefined
}

/** What `info: true` answers with; Node's types leave it out. */
interface WithInfo {
  readonly buffer: Buffer
  /** How much was read. */
  readonly engine: { readonly bytesWritten: number }
}
