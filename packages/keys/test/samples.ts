import { type BareJid, bareJid, type Fingerprint, fingerprint, type KnownKey } from "@aurochs/core"
import type { CertificateInfo, UserId } from "@aurochs/crypto"
import type { TrustPolicy } from "../src/index.ts"

export const juliet: BareJid = bareJid("juliet@example.org")
export const now: Date = new Date("2026-11-23T12:00:00Z")
export const earlier: Date = new Date("2026-11-01T00:00:00Z")
export const later: Date = new Date("2026-11-20T00:00:00Z")

/** The fingerprint of sample key n. */
export const print = (n: number): Fingerprint => fingerprint(n.toString(16).padStart(40, "A"))

export function known(n: number, o: Partial<KnownKey> = {}): KnownKey {
  return {
    fingerprint: print(n),
    bytes: new Uint8Array([0xc6, n]),
    owner: juliet,
    firstSeen: earlier,
    source: "pep",
    binds: "account",
    announced: true,
    approval: "none",
    ...o,
  }
}

export function info(n: number, o: Partial<CertificateInfo> = {}): CertificateInfo {
  return {
    fingerprint: print(n),
    bytes: new Uint8Array([0xc6, n]),
    userIds: userIds(`xmpp:${juliet}`),
    createdAt: new Date(0),
    canEncrypt: true,
    canSign: true,
    algorithm: "ed25519Legacy",
    ...o,
  }
}

export function userIds(text: string, status: UserId["status"] = "valid"): UserId[] {
  return [{ text, status }]
}

/** What the policy says of the first key, with the others known beside it. */
export function decide(trust: TrustPolicy, key: KnownKey, others: KnownKey[] = [], o: Partial<CertificateInfo> = {}) {
  return trust(key, { others, info: { ...info(0, o), fingerprint: key.fingerprint, bytes: key.bytes }, now })
}
