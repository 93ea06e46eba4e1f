import { AurochsError } from "@aurochs/core"

/** Bounds on what an engine reads before it does any work on it. */
export interface Limits {
  /** Size of one OpenPGP message as it arrives. */
  readonly maxMessageBytes: number
  /** Size of the text after decryption and decompression (attack A16). */
  readonly maxPlaintextBytes: number
  /** Packets in one message, at every level of nesting together. */
  readonly maxPackets: number
  /** Size of one certificate (attack A19). */
  readonly maxCertificateBytes: number
  /** Subkeys of one certificate, and likewise User IDs. */
  readonly maxCertificateParts: number
  /** Memory of an Argon2 S2K as the exponent of two in KiB: 16 is 64 MiB (RFC 9580 §3.7.1.4, attack A18). */
  readonly maxArgon2MemoryExponent: number
  /** Passes of an Argon2 S2K. */
  readonly maxArgon2Passes: number
}

/** The bounds in force where a caller gives none. */
export const defaultLimits: Limits = {
  maxMessageBytes: 1_048_576,
  maxPlaintextBytes: 262_144,
  maxPackets: 64,
  maxCertificateBytes: 65_536,
  maxCertificateParts: 32,
  maxArgon2MemoryExponent: 16,
  maxArgon2Passes: 4,
}

/**
 * The bounds that a caller gives, to be laid over others: one that is given as undefined is not given.
 *
 * @throws {AurochsError} `CONFIGURATION` (its name) for one that is no whole number from 0 on: nothing exceeds `NaN`, so
 *   that it would bound nothing
 */
export function givenLimits(limits: Partial<Limits> | undefined): Partial<Limits> {
  const given: Partial<Record<keyof Limits, number>> = {}
  for (const field of Object.keys(defaultLimits) as (keyof Limits)[]) {
    const value = limits?.[field]
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new AurochsError("CONFIGURATION", `${field} is no whole number from 0 on: it would bound nothing`, {
        field,
      })
    }
    given[field] = value
  }
  return given
}
