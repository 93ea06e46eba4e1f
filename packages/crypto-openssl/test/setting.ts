import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "../src/index.ts"

/** The provider, what is behind it, and what it left to that one. */
export interface Setting {
  readonly provider: CryptoProvider
  readonly fallback: CryptoProvider
  readonly handedOn: string[]
}

export function setting(over: Partial<CryptoProvider> = {}): Setting {
  const fallback = { ...openpgpjs(), ...over }
  const handedOn: string[] = []
  return { provider: openssl({ fallback, onHandedOn: (call) => handedOn.push(call) }), fallback, handedOn }
}

export async function newKey(provider: CryptoProvider, name: string, now?: Date): Promise<SecretKey> {
  return (await provider.generate({ userId: `xmpp:${name}@example.org` }, { now })).key
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
