/** Where randomness comes from. Always passed in; outside tests it is {@link cryptoRandom}. */
export interface Random {
  /** @param length number of bytes, at most 65,536 */
  bytes(length: number): Uint8Array
}

/** Bytes that are drawn at once, and the longest piece that is taken from them. */
const DRAWN = 1024
const MAX_PIECE = 256

const drawn = new Uint8Array(DRAWN)
let next = DRAWN

/**
 * The platform's CSPRNG (Web Crypto). Asking it costs microseconds, however little is asked for: short pieces are cut
 * from a larger draw, each byte given out once and overwritten where it lay.
 */
export function cryptoRandom(): Random {
  return {
    bytes(length) {
      if (!(length >= 0 && length <= MAX_PIECE)) return globalThis.crypto.getRandomValues(new Uint8Array(length))
      if (next + length > DRAWN) {
        globalThis.crypto.getRandomValues(drawn)
        next = 0
      }
      const piece = drawn.slice(next, next + length)
      drawn.fill(0, next, next + length)
      next += piece.length
      return piece
    },
  }
}

/** An identifier of 128 random bits as 32 hex digits, for stanza ids and the like. */
export function randomId(random: Random): string {
  const bytes = random.bytes(16)
  const digits = new Uint8Array(32)
  for (let i = 0; i < 16; i++) {
    const byte = bytes[i] ?? 0
    digits[2 * i] = HEX.charCodeAt(byte >> 4)
    digits[2 * i + 1] = HEX.charCodeAt(byte & 15)
  }
  return String.fromCharCode.apply(null, digits as unknown as number[])
}

const HEX = "0123456789abcdef"

/**
 * A uniformly distributed integer from `min` to `max`, both included.
 *
 * @throws {RangeError} if they are no safe integers, `min` is above `max`, or `max - min` is not below 2^32
 */
export function randomInteger(random: Random, min: number, max: number): number {
  const span = max - min + 1
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || span < 1 || span > 2 ** 32)
    throw new RangeError("no range of at most 2^32 integers")
  const limit = Math.floor(2 ** 32 / span) * span
  for (;;) {
    const bytes = random.bytes(4)
    const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
    if (value < limit) return min + (value % span)
  }
}
