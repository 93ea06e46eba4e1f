import type { Certificate } from "@aurochs/core"
import type { CertificateReference } from "./protocol.ts"

/** Certificates that the workers know by number, so that each is sent to each of them once. */
export interface SentCertificates<Worker> {
  /** What to send to this worker instead of the certificate. */
  reference(worker: Worker, certificate: Certificate): CertificateReference
}

/**
 * @param maxEntries how many the workers remember
 * @param onForgotten told of each one that no worker needs any longer
 */
export function sentCertificates<Worker extends object>(
  maxEntries: number,
  onForgotten: (certificate: number) => void,
): SentCertificates<Worker> {
  const entries = new Map<string, { readonly number: number; readonly bytes: Uint8Array; sentTo: WeakSet<Worker> }>()
  let last = 0
  return {
    reference(worker, { fingerprint, bytes }) {
      const seen = entries.get(fingerprint)
      const same = seen !== undefined && sameBytes(seen.bytes, bytes)
      const entry = same ? seen : { number: ++last, bytes: new Uint8Array(bytes), sentTo: new WeakSet<Worker>() }
      if (!same && seen !== undefined) onForgotten(seen.number)
      // Deleting and setting moves it to the end: a Map keeps the order of insertion.
      entries.delete(fingerprint)
      entries.set(fingerprint, entry)
      for (const [oldest, { number }] of entries) {
        if (entries.size <= maxEntries) break
        entries.delete(oldest)
        onForgotten(number)
      }
      if (entry.sentTo.has(worker)) return { aurochsCertificate: entry.number }
      entry.sentTo.add(worker)
      return { aurochsCertificate: entry.number, fingerprint, bytes: entry.bytes }
    },
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
