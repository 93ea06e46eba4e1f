import { threadId } from "node:worker_threads"
import type { CryptoProvider } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "../src/index.ts"

/** An engine that ends its thread when it is to minimize nothing, and signs with the number of its thread. */
export function provider(): CryptoProvider {
  const engine = openssl({ fallback: openpgpjs() })
  return {
    ...engine,
    minimize: (certificate, call) => (certificate.length === 0 ? process.exit(7) : engine.minimize(certificate, call)),
    async sign(plaintext, call) {
      await engine.sign(plaintext, call)
      return Uint8Array.of(threadId)
    },
  }
}
