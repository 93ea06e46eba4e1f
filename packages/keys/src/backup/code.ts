import { type Random, randomInteger } from "@aurochs/core"

/** Without `O` and `0`, which look alike (XEP-0373 §5.4). */
const ALPHABET = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
const GROUPS = 6
const GROUP_LENGTH = 4

/**
 * A new backup code, e.g. `TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW` (XEP-0373 §5.4, requirement R42): 24 characters in groups of
 * four, about 122 bits. All 29 characters, dashes included, are the password (R43): it is never changed in any way.
 *
 * @param random a CSPRNG
 */
export function backupCode(random: Random): string {
  const group = () =>
    Array.from({ length: GROUP_LENGTH }, () => ALPHABET[randomInteger(random, 0, ALPHABET.length - 1)])
  return Array.from({ length: GROUPS }, () => group().join("")).join("-")
}

/** Has it the form of a backup code? Others may have made one in another form: this is for a hint, not for a refusal. */
export function looksLikeBackupCode(text: string): boolean {
  return /^(?:[1-9A-NP-Z]{4}-){5}[1-9A-NP-Z]{4}$/.test(text)
}
