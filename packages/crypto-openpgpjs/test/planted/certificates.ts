import type { Certificate } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { packetList } from "../../src/engine.ts"
import { type Planted, pause, unless } from "./plant.ts"

const { signature } = pgp.enums
const REVOCATIONS: ReadonlySet<number | null> = new Set([
  signature.keyRevocation,
  signature.subkeyRevocation,
  signature.certRevocation,
])

function inspects(change: (info: CertificateInfo) => CertificateInfo): Planted["plant"] {
  return (good) => ({ inspect: async (bytes, options) => change(await good.inspect(bytes, options)) })
}

/** A certificate of these packets of another. */
async function filtered(bytes: Uint8Array, keep: (packet: pgp.AnyPacket) => boolean): Promise<Certificate> {
  const key = await pgp.readKey({ binaryKey: bytes.slice() })
  const kept = packetList([...key.toPacketList()].filter(keep)).write()
  return { fingerprint: key.getFingerprint().toUpperCase() as Certificate["fingerprint"], bytes: kept }
}

function isRevocation(packet: pgp.AnyPacket): boolean {
  return packet instanceof pgp.SignaturePacket && REVOCATIONS.has(packet.signatureType)
}

const copied = async (good: CryptoProvider, bytes: Uint8Array): Promise<Certificate> => {
  const { fingerprint } = await good.inspect(bytes)
  return { fingerprint, bytes }
}

/** Wrong about certificates. */
export const certificates: readonly Planted[] = [
  {
    how: "ignores now when it inspects",
    caught: ["A21: before its expiry it is valid", "A21: before its revocation it is valid"],
    plant: (good) => ({ inspect: (bytes) => good.inspect(bytes) }),
  },
  {
    how: "takes every User ID for valid",
    caught: [
      "A20: a self-signature with MD5 counts for nothing",
      "A4 R17: a User ID that only others have signed is unsigned",
      "A4 R17: a User ID with the self-signature of another is unsigned",
      "A4 R17: a User ID without any signature is unsigned",
    ],
    plant: inspects((i) => ({ ...i, userIds: i.userIds.map(({ text }) => ({ text, status: "valid" as const })) })),
  },
  {
    how: "calls a User ID unsigned that is not valid any more",
    caught: ["A4 A21: a User ID whose signature has expired is expired", "A4 A21: a revoked User ID is revoked"],
    plant: inspects((i) => ({
      ...i,
      userIds: i.userIds.map((one) => (one.status === "valid" ? one : { ...one, status: "unsigned" as const })),
    })),
  },
  {
    how: "takes every certificate for usable",
    caught: ["A23: a subkey without the encryption flag, and RSA with 1,024 bits, are not encrypted to (A20)"],
    plant: inspects((i) => ({ ...i, canEncrypt: true, canSign: true })),
  },
  {
    how: "overlooks revocations",
    caught: ["A21: expiry and revocation are reported at the moment that is asked for"],
    plant: inspects((i) => ({ ...i, revokedAt: undefined })),
  },
  {
    how: "writes fingerprints in lower case",
    caught: [
      "certify signs another's User ID, leaves what it says alone, and refuses one that is not signed",
      "inspect: fingerprint, User ID, dates and algorithm of a certificate of another engine",
    ],
    plant: inspects((i) => ({ ...i, fingerprint: i.fingerprint.toLowerCase() as typeof i.fingerprint })),
  },
  {
    how: "remembers certificates by their fingerprint",
    caught: [
      "the same certificate is judged anew at every call: what one moment or one copy says is not kept for the next",
    ],
    plant: (good) => {
      const known = new Map<string, CertificateInfo>()
      return {
        async inspect(bytes, options) {
          const info = await good.inspect(bytes, options)
          const before = known.get(info.fingerprint) ?? info
          known.set(info.fingerprint, before)
          return { ...before, bytes }
        },
      }
    },
  },
  {
    how: "reads secret keys, and the first of several, as certificates",
    caught: ["R2: garbage, armor, a secret key and two certificates at once are no certificate"],
    plant: (good) => ({
      inspect: (bytes, options) =>
        unless(good.inspect(bytes, options), "BAD_DATA", async (error) => {
          const [key] = await pgp.readKeys({ binaryKeys: bytes.slice() }).catch(() => [])
          if (key === undefined) throw error
          return good.inspect(key.toPublic().write(), options)
        }),
    }),
  },
  {
    how: "cuts a certificate that is too large",
    caught: ["A19: more User IDs or bytes than the limits are refused"],
    plant: (good) => ({
      inspect: (bytes, options) =>
        unless(good.inspect(bytes, options), "BAD_DATA", async (error) => {
          const { limit } = error.details as { limit?: string }
          if (limit === undefined) throw error
          const few = await pgp.readKey({ binaryKey: bytes.slice() })
          const user = few.users[0]?.toPacketList() ?? []
          return good.inspect(packetList([few.keyPacket, ...user]).write(), options)
        }),
    }),
  },
  {
    how: "takes long over many signatures",
    caught: ["A19: a flood of signatures below the limits is read in bounded time"],
    plant: (good) => ({
      async inspect(bytes, options) {
        if (bytes.length > 20_000) await pause(6_000)
        return good.inspect(bytes, options)
      },
    }),
  },
  {
    how: "minimizes nothing",
    caught: ["A4: minimize refuses a User ID that is not there or not signed"],
    plant: (good) => ({ minimize: (bytes) => copied(good, bytes) }),
  },
  {
    how: "minimizes by its own clock",
    caught: ["R49: minimize as of a given time keeps the self-signature that counts then, not a later one"],
    plant: (good) => ({ minimize: (bytes, { now: _, ...options }) => good.minimize(bytes, options) }),
  },
  {
    how: "minimizes revocations away",
    caught: [
      "A23: merge and minimize keep what revokes a subkey, so that it still does not sign",
      "R49: minimize keeps what revokes",
    ],
    plant: (good) => ({
      async minimize(bytes, options) {
        const small = await good.minimize(bytes, options)
        return filtered(small.bytes, (packet) => !isRevocation(packet))
      },
    }),
  },
  {
    how: "minimizes to a User ID that is not there",
    caught: ["A4: minimize refuses a User ID that is not there or not signed"],
    plant: (good) => ({
      minimize: (bytes, options) => unless(good.minimize(bytes, options), "BAD_DATA", () => copied(good, bytes)),
    }),
  },
  {
    how: "minimizes subkeys away",
    caught: [
      "R49: minimize keeps one User ID and the key's use, and drops the rest",
      "R49: minimize keeps only the newest self-signatures of a key that was renewed, with their end",
    ],
    plant: (good) => ({
      async minimize(bytes, options) {
        const small = await good.minimize(bytes, options)
        const isSubkey = (packet: pgp.AnyPacket) =>
          packet instanceof pgp.PublicSubkeyPacket ||
          (packet instanceof pgp.SignaturePacket && packet.signatureType === signature.subkeyBinding)
        return filtered(small.bytes, (packet) => !isSubkey(packet))
      },
    }),
  },
  {
    how: "merges by taking the first copy",
    caught: ["merge takes User IDs and subkeys over, and gives no status to what is not signed (A4)"],
    plant: (good) => ({ merge: (a) => copied(good, a) }),
  },
  {
    how: "merges by taking the second copy",
    caught: ["merge gives the same in either order"],
    plant: (good) => ({ merge: (_, b) => copied(good, b) }),
  },
  {
    how: "merges by writing one copy behind the other",
    caught: [
      "merge takes User IDs and subkeys over, and gives no status to what is not signed (A4)",
      "merge with itself changes nothing that counts",
    ],
    plant: (good) => ({
      async merge(a, b) {
        const [first, second] = await Promise.all([a, b].map((one) => pgp.readKey({ binaryKey: one.slice() })))
        const rest = [...(second?.toPacketList() ?? [])].slice(1)
        const bytes = packetList([...(first?.toPacketList() ?? []), ...rest]).write()
        return { ...(await copied(good, a)), bytes }
      },
    }),
  },
  {
    how: "merges two certificates of different people",
    caught: [
      "a revocation certificate, where one is made, revokes its own key and no other",
      "merge refuses two different certificates",
    ],
    plant: (good) => ({ merge: (a, b) => unless(good.merge(a, b), "BAD_DATA", () => copied(good, a)) }),
  },
  {
    how: "merges revocations away",
    caught: ["merge takes a revocation over, whichever copy has it"],
    plant: (good) => ({
      async merge(a, b) {
        const both = await good.merge(a, b)
        return filtered(both.bytes, (packet) => !isRevocation(packet))
      },
    }),
  },
  {
    how: "merges the certifications of others away",
    caught: ["R49: a certification of another survives merge, whichever copy has it, and minimize drops it"],
    plant: (good) => ({
      async merge(a, b) {
        const both = await good.merge(a, b)
        const key = await pgp.readKey({ binaryKey: both.bytes.slice() })
        const own = key.getKeyID()
        return filtered(both.bytes, (p) => !(p instanceof pgp.SignaturePacket) || p.issuerKeyID.equals(own))
      },
    }),
  },
]
