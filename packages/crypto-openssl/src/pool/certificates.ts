import type { Certificate } from "@aurochs/core"

/** Certificates that the workers know by number, so that each is sent to each of them once. */
export interface SentCertificates<Worker> {
  /** The number by which this worker knows the certificate; it is sent to the worker if that is new to it. */
  numberOf(worker: Worker, certificate: Certificate): number
}

interface Entry {
  readonly number: number
  readonly fingerprint: string
  /** A copy of our own: if the caller's bytes are changed in place, it is another certificate. */
  readonly bytes: Uint8Array
  readonly sentTo: WeakSet<object>
}

/**
 * @param maxEntries how many the workers remember
 * @param send tells a worker of a certificate
 * @param onForgotten told of each one that no worker needs any longer
 */
export function sentCertificates<Worker extends object>(
  maxEntries: number,
  send: (worker: Worker, number: number, certificate: Certificate) => void,
  onForgotten: (certificate: number) => void,
): SentCertificates<Worker> {
  const entries = new Map<string, Entry>()
  let last = 0
  return {
    numberOf(worker, { fingerprint, bytes }) {
      const seen = entries.get(fingerprint)
      const same = seen !== undefined && sameBytes(seen.bytes, bytes)
      const entry = same ? seen : { number: ++last, fingerprint, bytes: new Uint8Array(bytes), sentTo: new WeakSet() }
      if (!same && seen !== undefined) onForgotten(seen.number)
      // Deleting and setting moves it to the end: a Map keeps the order of insertion.
      entries.delete(fingerprint)
      entries.set(fingerprint, entry)
      for (const [oldest, { number }] of entries) {
        if (entries.size <= maxEntries) break
        entries.delete(oldest)
        onForgotten(number)
      }
      if (!entry.sentTo.has(worker)) {
        entry.sentTo.add(worker)
        send(worker, entry.number, { fingerprint, bytes: entry.bytes })
      }
      return entry.number
    },
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
