import { parentPort } from "node:worker_threads"
import type { CryptoProvider } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "../src/index.ts"

/** Every array that a secret was in: what the engine was given, what it gave away, and what the thread said. */
const seen: Uint8Array[] = []

function keep(value: unknown): void {
  if (value instanceof Uint8Array) seen.push(value)
  else if (typeof value === "object" && value !== null) for (const one of Object.values(value)) keep(one)
}

/** Does it begin with a secret key packet (RFC 9580 §4.2)? */
export function isSecretKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value[0] === 0xc5
}

/** How many are not zero; none of what went to another thread with its memory. */
export function bytesLeft(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : bytes.filter((byte) => byte !== 0).length
}

/** An engine whose `sign` says how many arrays it saw, and how many bytes in them are left. */
export function provider(): CryptoProvider {
  const engine = openssl({ fallback: openpgpjs() })
  const { secrets } = engine
  if (secrets === undefined || parentPort === null) throw new Error("not in a pool")
  const say = parentPort.postMessage.bind(parentPort)
  parentPort.postMessage = (items: readonly unknown[], memory: readonly ArrayBuffer[]) => {
    for (const item of items) {
      const { value } = item as { value?: unknown }
      if (isSecretKey(value)) keep(value)
    }
    say(items, memory)
  }
  return {
    ...engine,
    importSecret(secret, call) {
      keep([secret, call?.passphrase])
      return engine.importSecret(secret, call)
    },
    secrets: {
      async export(key, call) {
        const exported = await secrets.export(key, call)
        keep([exported, call.passphrase])
        return exported
      },
      async encryptWithPassword(plaintext, call) {
        keep(plaintext)
        return secrets.encryptWithPassword(plaintext, call)
      },
      async decryptWithPassword(message, call) {
        const plaintext = await secrets.decryptWithPassword(message, call)
        keep(plaintext)
        return plaintext
      },
    },
    async sign() {
      const left = seen.reduce((sum, bytes) => sum + bytesLeft(bytes), 0)
      return Uint8Array.of(seen.length, Math.min(left, 255))
    },
  }
}
