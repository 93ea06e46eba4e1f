import type { Limits } from "@aurochs/crypto"
import { badData, type DataKind } from "./errors.ts"

/** Lanes of an Argon2 S2K that are accepted; RFC 9106 recommends four. */
const MAX_ARGON2_LANES = 16

/** The cost of an Argon2 string-to-key (RFC 9580 §3.7.1.4). */
export interface Argon2Cost {
  readonly passes: number
  readonly lanes: number
  /** Of two, in KiB. */
  readonly memoryExponent: number
}

/**
 * Refuses an Argon2 that costs too much, before any work is done (attack A18). A number that is missing is too much.
 *
 * @throws {AurochsError} `BAD_DATA` with `limit`
 */
export function boundArgon2(cost: Argon2Cost, what: DataKind, limits: Limits): void {
  if (!(cost.memoryExponent <= limits.maxArgon2MemoryExponent)) {
    throw badData(what, "its Argon2 needs too much memory", "maxArgon2MemoryExponent")
  }
  if (!(cost.passes <= limits.maxArgon2Passes && cost.lanes <= MAX_ARGON2_LANES)) {
    throw badData(what, "its Argon2 takes too long", "maxArgon2Passes")
  }
}

/**
 * The same for the body of a password session key packet (RFC 9580 §5.3). The other string-to-key types cost at most
 * 62 MiB of hashing.
 *
 * @throws {AurochsError} `BAD_DATA`
 */
export function boundS2k(body: Uint8Array, limits: Limits): void {
  // Version 4: version, cipher. Version 5: AEAD mode too. Version 6: two counts as well.
  const at = { 4: 2, 5: 3, 6: 5 }[body[0] ?? 0]
  if (at === undefined) return
  if (body[at] !== 4) return
  const [passes, lanes, memoryExponent] = [17, 18, 19].map((offset) => body[at + offset] ?? Number.NaN)
  const cost = {
    passes: passes ?? Number.NaN,
    lanes: lanes ?? Number.NaN,
    memoryExponent: memoryExponent ?? Number.NaN,
  }
  boundArgon2(cost, "message", limits)
}
