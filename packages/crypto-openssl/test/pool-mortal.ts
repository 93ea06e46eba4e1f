import { threadId } from "node:worker_threads"
import type { CryptoProvider } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "../src/index.ts"

/** It holds one key by itself, as engines with keys of their own do. */
const HELD = "0123456789ABCDEF0123456789ABCDEF01234567"

/** An engine that ends its thread when it is to minimize nothing, and signs with the number of its thread. */
export function provider(): CryptoProvider {
  const engine = openssl({ fallback: openpgpjs() })
  return {
    ...engine,
    minimize: (certificate, call) => (certificate.length === 0 ? process.exit(7) : engine.minimize(certificate, call)),
    async secretKey(fingerprint) {
      if (fingerprint !== HELD) return undefined
      return { certificate: { fingerprint, bytes: new Uint8Array() }, async [Symbol.asyncDispose]() {} }
    },
    async sign(plaintext, call) {
      await engine.sign(plaintext, call)
      return Uint8Array.of(threadId)
    },
  }
}
