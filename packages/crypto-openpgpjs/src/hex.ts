const DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** Lower-case hex. */
export function hexOf(bytes: Uint8Array): string {
  let text = ""
  for (let i = 0; i < bytes.length; i++) text += DIGITS[bytes[i] ?? 0]
  return text
}
