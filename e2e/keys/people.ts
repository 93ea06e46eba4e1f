import { type BareJid, bareJid, type Clock, throwIfAborted } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider, SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import type { PepService } from "./pep-service.ts"

export const juliet: BareJid = bareJid("juliet@example.org")
export const romeo: BareJid = bareJid("romeo@example.net")

/** A clock that stands still; a sleep moves it on. */
export interface StandingClock extends Clock {
  set(time: string): void
  /** How long was slept, in milliseconds. */
  readonly slept: number[]
}

export function standingClock(start = "2026-11-23T12:00:00Z"): StandingClock {
  let now = new Date(start)
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    set(time) {
      now = new Date(time)
    },
    async sleep(ms, options) {
      throwIfAborted(options)
      slept.push(ms)
      now = new Date(now.getTime() + ms)
    },
  }
}

/** Keys are made on this day, before every clock of these tests. */
const MADE = new Date("2026-11-01T00:00:00Z")

export async function makeKey(
  provider: CryptoProvider,
  owner: BareJid,
  o: { userId?: string; expiresInMs?: number; now?: Date } = {},
): Promise<{ key: SecretKey; info: CertificateInfo; small: CertificateInfo }> {
  const userId = o.userId ?? `xmpp:${owner}`
  const spec = o.expiresInMs === undefined ? { userId } : { userId, expiresInMs: o.expiresInMs }
  const now = o.now ?? MADE
  const { key } = await provider.generate(spec, { now })
  const small = await provider.minimize(key.certificate.bytes, { keepUserId: userId, now })
  return {
    key,
    info: await provider.inspect(key.certificate.bytes, { now }),
    small: await provider.inspect(small.bytes, { now }),
  }
}

/** Keys of Juliet that every test may use, made once. */
export async function julietKeys(count: number): Promise<{ provider: CryptoProvider; keys: Made[] }> {
  const provider = openpgpjs()
  const keys: Made[] = []
  for (let i = 0; i < count; i++) keys.push(await makeKey(provider, juliet))
  return { provider, keys }
}

export type Made = Awaited<ReturnType<typeof makeKey>>

/** Puts a whole account on the service, as another client would have left it. */
export function putKeys(
  service: PepService,
  owner: BareJid,
  keys: readonly CertificateInfo[],
  o: { listedOnly?: readonly string[]; config?: Record<string, string> } = {},
): void {
  const date = new Date("2026-11-20T00:00:00Z")
  for (const { fingerprint, bytes } of keys) {
    service.put(
      owner,
      publicKeyNode(fingerprint),
      [{ id: "2026-11-20T00:00:00Z", payload: pubkey.write(bytes) }],
      o.config,
    )
  }
  const entries = [...keys.map((key) => key.fingerprint), ...(o.listedOnly ?? [])].map((fingerprint) => ({
    fingerprint,
    date,
  }))
  service.put(owner, publicKeysNode, [{ id: "2026-11-20T00:00:01Z", payload: publicKeysList.write(entries) }], o.config)
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
