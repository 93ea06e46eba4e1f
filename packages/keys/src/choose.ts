import { AurochsError, type BareJid, type Certificate, type Fingerprint } from "@aurochs/core"
import type { Missing } from "./directory.ts"
import type { JudgedKey } from "./judge.ts"

/** A key that is not encrypted to, and why. */
export interface LeftOut {
  readonly fingerprint: Fingerprint
  /** `because` of the decision, `cannot-encrypt`, `unreadable`, or the reason of a gap. */
  readonly because: string
}

/** Which keys a message goes to. */
export interface KeyChoice {
  readonly use: readonly Certificate[]
  /** Every other known or listed key; fits the details of `NO_USABLE_KEY`. */
  readonly leftOut: readonly LeftOut[]
}

/**
 * Chooses all keys that may be encrypted to (XEP-0374 §2.3.2, requirements I7, I8, R52) and names the others.
 *
 * @param missing listed keys that could not be had
 */
export function chooseKeys(judged: readonly JudgedKey[], missing: readonly Missing[] = []): KeyChoice {
  const use: Certificate[] = []
  const leftOut: LeftOut[] = []
  for (const one of judged) {
    const { fingerprint, bytes } = one.key
    const because = reasonAgainst(one)
    if (because === undefined) use.push({ fingerprint, bytes })
    else leftOut.push({ fingerprint, because })
  }
  const named = new Set(judged.map((one) => one.key.fingerprint))
  for (const gap of missing) {
    if (!named.has(gap.missing)) leftOut.push({ fingerprint: gap.missing, because: gap.because })
  }
  return { use, leftOut }
}

function reasonAgainst({ decision, info, error }: JudgedKey): string | undefined {
  if (error !== undefined) return "unreadable"
  if (decision.use !== "encrypt+verify") return decision.because
  return info.canEncrypt ? undefined : "cannot-encrypt"
}

/** The error of a message that has nobody to be encrypted to; it waits, and never goes in plaintext (attack A6). */
export function noUsableKey(owner: BareJid, leftOut: readonly LeftOut[]): AurochsError<"NO_USABLE_KEY"> {
  const why = leftOut.length === 0 ? "none is announced" : leftOut.map((key) => key.because).join(", ")
  return new AurochsError("NO_USABLE_KEY", `${owner} has no key that may be encrypted to: ${why}`, { owner, leftOut })
}
