import { type Random, randomInteger } from "@aurochs/core"

/** Shortest and longest `<rpad/>`, in characters. */
export const RPAD_MIN_LENGTH = 16
export const RPAD_MAX_LENGTH = 200

/** 64 characters, so that six random bits choose one evenly; none of them needs escaping in XML. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/**
 * The content of `<rpad/>`: random length, evenly from 16 to 200 characters, and random content (XEP-0373 §3.1).
 *
 * @param random a CSPRNG
 */
export function randomPadding(random: Random): string {
  const length = randomInteger(random, RPAD_MIN_LENGTH, RPAD_MAX_LENGTH)
  const characters = random.bytes(length).map((byte) => ALPHABET.charCodeAt(byte & 63))
  return String.fromCharCode.apply(null, characters as unknown as number[])
}
