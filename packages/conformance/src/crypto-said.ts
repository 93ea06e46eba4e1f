const MAX_DEPTH = 8

/** Everything that an error says to whoever logs it: its texts, details, causes and whatever hangs on it. */
export function saidBy(error: unknown): string {
  const parts: string[] = []
  const seen = new Set<object>()
  const walk = (value: unknown, depth: number): void => {
    if (typeof value === "string") parts.push(value)
    if (typeof value !== "object" || value === null || seen.has(value) || depth > MAX_DEPTH) return
    seen.add(value)
    if (value instanceof Uint8Array) {
      parts.push(latin1(value))
      return
    }
    // `message`, `stack` and `cause` of an error are its own too, only not enumerable.
    for (const key of Object.getOwnPropertyNames(value)) walk((value as Record<string, unknown>)[key], depth + 1)
  }
  walk(error, 0)
  return parts.join("\n")
}

/** The ways in which bytes appear in a text: as they are, in hex, in Base64. */
export function spellings(secret: Uint8Array): readonly string[] {
  const hex = Array.from(secret, (byte) => byte.toString(16).padStart(2, "0")).join("")
  // Without its end, which depends on what follows.
  const base64 = btoa(latin1(secret)).slice(0, Math.floor((secret.length * 4) / 3) - 1)
  return [latin1(secret), hex, hex.toUpperCase(), base64, [...secret].join(",")]
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")
}
