import type { CryptoProvider, KeyLifecycle, SecretKey } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import { certificate, concat, expectCode, first, NOW, packet, packets, utf8 } from "./crypto-help.ts"

const USER_ID = "xmpp:a@example.org"
const DAY_MS = 86_400_000
const later = new Date(NOW.getTime() + 10 * DAY_MS)

type Certifying = Required<Pick<CryptoProvider, "certifiedBy">> & { readonly lifecycle: KeyLifecycle }

function certifying(p: CryptoProvider): Certifying {
  const { certifiedBy, lifecycle } = p
  if (certifiedBy === undefined || lifecycle === undefined)
    return unsupported("the engine does not judge certifications")
  return { certifiedBy, lifecycle }
}

async function make(p: CryptoProvider, expiresInMs?: number): Promise<SecretKey> {
  return (await p.generate({ userId: USER_ID, expiresInMs }, { now: NOW })).key
}

/** A newer key, with the signature of an older one on it. */
async function introduced(p: CryptoProvider, { lifecycle }: Certifying) {
  const [old, young] = [await make(p), await make(p)]
  const certified = await lifecycle.certify(young.certificate.bytes, { signWith: old, userId: USER_ID, now: NOW })
  return { old, young, certified }
}

/** Certifications of one key by another, and what becomes of them. */
export const certifyingCases: readonly Case<CryptoProvider>[] = [
  {
    title: "certifiedBy names who certified the User ID, and nobody who did not",
    async run(p) {
      const port = certifying(p)
      const { old, young, certified } = await introduced(p, port)
      const stranger = await make(p)
      const by = [stranger.certificate, old.certificate]
      const asked = { by, userId: USER_ID, now: later }
      expect(await port.certifiedBy(certified.bytes, asked)).toEqual([old.certificate.fingerprint])
      expect(await port.certifiedBy(young.certificate.bytes, asked)).toEqual([])
      expect(await port.certifiedBy(certified.bytes, { ...asked, userId: "xmpp:b@example.org" })).toEqual([])
    },
  },
  {
    title: "A4: a certification of another key, moved here, counts for nothing",
    async run(p) {
      const port = certifying(p)
      const { old, certified } = await introduced(p, port)
      const other = await make(p)
      const moved = packets(certified.bytes).filter((one) => one.tag === 2)[1]
      const forged = splice(other.certificate.bytes, moved?.body ?? new Uint8Array())
      const asked = { by: [old.certificate], userId: USER_ID, now: later }
      expect(await port.certifiedBy(forged, asked)).toEqual([])
    },
  },
  {
    title: "A21: a certifier that was superseded since still counts, one that was compromised does not",
    async run(p) {
      const port = certifying(p)
      const { old, certified } = await introduced(p, port)
      for (const [reason, counts] of [
        ["superseded", true],
        ["retired", true],
        ["compromised", false],
        ["", false],
      ] as const) {
        const by = [await port.lifecycle.revoke(old, { reason, now: new Date(NOW.getTime() + DAY_MS) })]
        const found = await port.certifiedBy(certified.bytes, { by, userId: USER_ID, now: later })
        expect(found.length > 0).toBe(counts)
      }
    },
  },
  {
    title: "A21: a certifier that expired since still counts, one that had expired before does not",
    async run(p) {
      const port = certifying(p)
      const brief = await make(p, DAY_MS)
      const young = await make(p)
      const by = [brief.certificate]
      const at = (now: Date) =>
        port.lifecycle.certify(young.certificate.bytes, { signWith: brief, userId: USER_ID, now })
      const { bytes } = await at(NOW)
      expect(await port.certifiedBy(bytes, { by, userId: USER_ID, now: later })).toHaveLength(1)
      await expectCode(at(later), "NO_USABLE_KEY")
    },
  },
  {
    title: "R49: minimize keeps the certifications it is told to keep, once each, and no other",
    async run(p) {
      const port = certifying(p)
      const { old, young, certified } = await introduced(p, port)
      const stranger = await make(p)
      let flooded = certified.bytes
      for (const signWith of [stranger, old]) {
        const now = new Date(NOW.getTime() + DAY_MS)
        flooded = (await port.lifecycle.certify(flooded, { signWith, userId: USER_ID, now })).bytes
      }
      const signatures = (bytes: Uint8Array) => packets(bytes).filter((one) => one.tag === 2).length
      const keepCertifiedBy = [old.certificate]
      const small = await p.minimize(flooded, { keepUserId: USER_ID, keepCertifiedBy })
      expect(signatures(small.bytes)).toBe(signatures(young.certificate.bytes) + 1)
      const by = [old.certificate, stranger.certificate]
      expect(await port.certifiedBy(small.bytes, { by, userId: USER_ID, now: later })).toEqual([
        old.certificate.fingerprint,
      ])
      expect(await p.minimize(flooded, { keepUserId: USER_ID })).toEqual(
        await p.minimize(young.certificate.bytes, { keepUserId: USER_ID }),
      )
    },
  },
  {
    title: "adopt: the secret key takes over what its certificate says, and is exported with it",
    async run(p) {
      const port = certifying(p)
      const adopt = port.lifecycle.adopt ?? unsupported("the engine keeps the certificate itself")
      const secrets = p.secrets ?? unsupported("secret keys do not leave this engine")
      const { old, young, certified } = await introduced(p, port)
      const adopted = await adopt(young, certified.bytes)
      const [again] = await p.importSecret(await secrets.export(adopted, { passphrase: "none" }))
      for (const key of [adopted, again]) {
        const asked = { by: [old.certificate], userId: USER_ID, now: later }
        expect(await port.certifiedBy(key?.certificate.bytes ?? new Uint8Array(), asked)).toHaveLength(1)
      }
      await p.sign(utf8("x"), { signWith: adopted, now: NOW })
      const sealed = await p.encrypt(utf8("x"), { recipients: [young.certificate], now: NOW })
      expect((await p.open(sealed, { decryptWith: [first(again ? [again] : [])], verifyWith: [] })).plaintext).toEqual(
        utf8("x"),
      )
      const revoked = await adopt(old, (await port.lifecycle.revoke(old, { reason: "superseded", now: NOW })).bytes)
      expect(await p.inspect(revoked.certificate.bytes, { now: later })).toMatchObject({
        revocation: "soft",
        canSign: false,
      })
      await expectCode(adopt(old, certificate("alice")), "BAD_DATA", { what: "certificate" })
    },
  },
]

/** The certificate with one more signature behind its first one. */
function splice(bytes: Uint8Array, signature: Uint8Array): Uint8Array {
  const parts = packets(bytes).flatMap((one, i) => [one, ...(i === 2 ? [{ tag: 2, body: signature }] : [])])
  return concat(...parts.map(({ tag, body }) => packet(tag, body)))
}
