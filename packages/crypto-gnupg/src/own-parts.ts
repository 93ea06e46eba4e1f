import { type Fingerprint, fingerprint } from "@aurochs/core"

/** A primary key or subkey of ours. */
export interface OwnPart {
  readonly fingerprint: Fingerprint
  /** Upper-case hex. */
  readonly keyId: string
  /** Public-key algorithm (RFC 9580 §9.1). */
  readonly algorithm: number
  readonly createdAt: Date
  readonly signs: boolean
  readonly encrypts: boolean
  /** Where its secret is. */
  readonly secret: "agent" | "card" | "missing"
  /** The serial number of that card. */
  readonly card?: string | undefined
}

/**
 * Reads gpg's listing (its `doc/DETAILS`). A User ID cannot forge a line of it: gpg escapes what is no plain text
 * (attack A28).
 */
export function ownParts(listing: string): readonly OwnPart[] {
  const lines = listing.split("\n").map((line) => line.split(":"))
  return lines.flatMap((fields, i) => {
    if (fields[0] !== "sec" && fields[0] !== "ssb") return []
    const next = lines.slice(i + 1).find((one) => one[0] === "fpr")
    const token = fields[14] ?? ""
    const card = /^[0-9A-F]{6,}$/i.test(token) ? token : undefined
    return [
      {
        fingerprint: fingerprint(next?.[9] ?? ""),
        keyId: (fields[4] ?? "").toUpperCase(),
        algorithm: Number(fields[3]),
        createdAt: new Date(Number(fields[5]) * 1000),
        signs: (fields[11] ?? "").includes("s"),
        encrypts: (fields[11] ?? "").includes("e"),
        secret: token === "+" ? "agent" : card === undefined ? "missing" : "card",
        card,
      } satisfies OwnPart,
    ]
  })
}
