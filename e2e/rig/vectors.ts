import { readdirSync, readFileSync } from "node:fs"
import { bareJid, type Delivery, type KnownKey, type Via } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { blindBeforeVerification } from "@aurochs/keys"
import { open } from "@aurochs/message"
import { parseXml } from "@aurochs/xml"

const folder = new URL("../../vectors/attacks/", import.meta.url)

/** `expect.json` of one attack: vectors/attacks/README.md says what its fields mean. */
export interface AttackVector {
  readonly attack: string
  readonly what: string
  readonly account?: string
  readonly via?: Via
  readonly now?: string
  readonly stampedAt?: string
  readonly decryptWith?: readonly string[]
  readonly keysOf?: readonly { readonly owner: string; readonly certificate: string }[]
  readonly expect: (Record<string, unknown> & { body?: string | null; payload?: string[] }) | null
}

/** Every attack that has a folder in vectors/attacks. */
export function attackVectors(): readonly { readonly name: string; readonly vector: AttackVector }[] {
  const names = readdirSync(folder).filter((name) => /^A\d/.test(name))
  return names.map((name) => ({
    name,
    vector: JSON.parse(readFileSync(new URL(`${name}/expect.json`, folder), "utf8")) as AttackVector,
  }))
}

/** Receives one attack with the rules of both XEPs. */
export async function receive(name: string, vector: AttackVector, provider: CryptoProvider) {
  const now = new Date(vector.now ?? "2026-11-23T12:00:00Z")
  const stanza = parseXml(bytesOf(`${name}/stanza.xml`))
  const stampedAt = vector.stampedAt === undefined ? undefined : new Date(vector.stampedAt)
  const delivery: Delivery = { stanza, via: vector.via ?? "live", stampedAt, kept: () => undefined }
  const decryptWith: SecretKey[] = []
  for (const owner of vector.decryptWith ?? ["alice"]) {
    decryptWith.push(...(await provider.importSecret(bytesOf(`keys/${owner}.sec.pgp`))))
  }
  const known = vector.keysOf ?? [{ owner: "bob@ox.test", certificate: "bob" }]
  return open(delivery, {
    account: bareJid(vector.account ?? "alice@ox.test"),
    provider,
    decryptWith,
    keysOf: await Promise.all(known.map((one) => knownKey(provider, one, now))),
    trust: blindBeforeVerification(),
    now,
  })
}

async function knownKey(
  provider: CryptoProvider,
  { owner, certificate }: { readonly owner: string; readonly certificate: string },
  now: Date,
): Promise<KnownKey> {
  const bytes = bytesOf(`keys/${certificate}.pub.pgp`)
  const { fingerprint } = await provider.inspect(bytes, { now })
  const firstSeen = new Date("2026-01-01T00:00:00Z")
  const origin = { firstSeen, source: "pep", binds: "account", announced: true, approval: "none" } as const
  return { fingerprint, bytes, owner: bareJid(owner), ...origin }
}

function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, folder)))
}
