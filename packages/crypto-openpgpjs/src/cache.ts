/** A bounded map from bytes to what was made of them, which forgets what was used longest ago. */
export interface Cache<T> {
  /**
   * @param bytes the whole key: compared byte by byte, so a caller may change its array afterwards
   * @param make called with a copy of the bytes if they are not there; a rejection is not kept
   */
  get(bytes: Uint8Array, make: (copy: Uint8Array) => Promise<T>): Promise<T>
}

interface Entry<T> {
  readonly bytes: Uint8Array
  readonly value: Promise<T>
}

/**
 * Entries lie at a checksum that anybody can make collide. So there is one entry for each checksum: what collides takes
 * its place, and costs no more than what was never there.
 *
 * @param maxEntries at least 1
 */
export function cache<T>(maxEntries: number): Cache<T> {
  const entries = new Map<number, Entry<T>>()
  return {
    get(bytes, make) {
      const at = checksum(bytes)
      const known = entries.get(at)
      // Deleting and setting moves it to the end: a Map keeps the order of insertion.
      entries.delete(at)
      if (known !== undefined && sameBytes(known.bytes, bytes)) {
        entries.set(at, known)
        return known.value
      }
      const copy = new Uint8Array(bytes)
      const entry: Entry<T> = { bytes: copy, value: make(copy) }
      entries.set(at, entry)
      entry.value.catch(() => {
        if (entries.get(at) === entry) entries.delete(at)
      })
      for (const oldest of entries.keys()) {
        if (entries.size <= maxEntries) break
        entries.delete(oldest)
      }
      return entry.value
    },
  }
}

/** FNV-1a, 32 bits. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ (bytes[i] ?? 0), 0x01000193)
  return sum
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
