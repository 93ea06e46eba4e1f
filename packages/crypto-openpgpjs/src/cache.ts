/** A bounded map that forgets what was used longest ago. */
export interface Cache<T> {
  /** @param make called if the entry is not there; a rejection is not kept */
  get(key: string, make: () => Promise<T>): Promise<T>
}

/** @param maxEntries at least 1 */
export function cache<T>(maxEntries: number): Cache<T> {
  const entries = new Map<string, Promise<T>>()
  return {
    get(key, make) {
      const known = entries.get(key)
      const value = known ?? make()
      // Deleting and setting moves it to the end: a Map keeps the order of insertion.
      entries.delete(key)
      entries.set(key, value)
      if (known === undefined) {
        value.catch(() => {
          if (entries.get(key) === value) entries.delete(key)
        })
      }
      for (const oldest of entries.keys()) {
        if (entries.size <= maxEntries) break
        entries.delete(oldest)
      }
      return value
    },
  }
}

/** SHA-256 as hex. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>))
  let text = ""
  for (const byte of digest) text += byte.toString(16).padStart(2, "0")
  return text
}
