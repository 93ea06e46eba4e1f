import type { Fingerprint } from "./brands.ts"
import { AurochsError } from "./errors.ts"

/**
 * Reads a fingerprint as people and programs write it: any case, with spaces or colons.
 *
 * @param text 40 hex digits (v4) or 64 (v6)
 * @returns upper-case hex without spaces (XEP-0373 §4.1)
 * @throws {AurochsError} `BAD_DATA` (`what: "fingerprint"`)
 */
export function fingerprint(text: string): Fingerprint {
  const hex = text.length > 200 ? "" : text.replace(/[\s:]/g, "").toUpperCase()
  if (!/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(hex)) {
    throw new AurochsError("BAD_DATA", "not a fingerprint: 40 or 64 hex digits are needed", { what: "fingerprint" })
  }
  return hex
}

/** A fingerprint in groups of four digits, as people compare it. */
export function formatFingerprint(value: Fingerprint): string {
  return value.replace(/(.{4})(?=.)/g, "$1 ")
}
