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
    caught: [],
    plant: (good) => ({ inspect: (bytes) => good.inspect(bytes) }),
  },
  {
    how: "takes every User ID for valid",
    caught: [],
    plant: inspects((i) => ({ ...i, userIds: i.userIds.map(({ text }) => ({ text, status: "valid" as const })) })),
  },
  {
    how: "calls a User ID unsigned that is not valid any more",
    caught: [],
    plant: inspects((i) => ({
      ...i,
      userIds: i.userIds.map((one) => (one.status === "valid" ? one : { ...one, status: "unsigned" as const })),
    })),
  },
  {
    how: "takes every certificate for usable",
    caught: [],
    plant: inspects((i) => ({ ...i, canEncrypt: true, canSign: true })),
  },
  {
    how: "overlooks revocations",
    caught: [],
    plant: inspects((i) => ({ ...i, revokedAt: undefined })),
  },
  {
    how: "writes fingerprints in lower case",
    caught: [],
    plant: inspects((i) => ({ ...i, fingerprint: i.fingerprint.toLowerCase() as typeof i.fingerprint })),
  },
  {
    how: "remembers certificates by their fingerprint",
    caught: [],
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
    caught: [],
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
    caught: [],
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
    caught: [],
    plant: (good) => ({
      async inspect(bytes, options) {
        if (bytes.length > 20_000) await pause(6_000)
        return good.inspect(bytes, options)
      },
    }),
  },
  { how: "minimizes nothing", caught: [], plant: (good) => ({ minimize: (bytes) => copied(good, bytes) }) },
  {
    how: "minimizes revocations away",
    caught: [],
    plant: (good) => ({
      async minimize(bytes, options) {
        const small = await good.minimize(bytes, options)
        return filtered(small.bytes, (packet) => !isRevocation(packet))
      },
    }),
  },
  {
    how: "minimizes to a User ID that is not there",
    caught: [],
    plant: (good) => ({
      minimize: (bytes, options) => unless(good.minimize(bytes, options), "BAD_DATA", () => copied(good, bytes)),
    }),
  },
  {
    how: "minimizes subkeys away",
    caught: [],
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
  { how: "merges by taking the first copy", caught: [], plant: (good) => ({ merge: (a) => copied(good, a) }) },
  { how: "merges by taking the second copy", caught: [], plant: (good) => ({ merge: (_, b) => copied(good, b) }) },
  {
    how: "merges by writing one copy behind the other",
    caught: [],
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
    caught: [],
    plant: (good) => ({ merge: (a, b) => unless(good.merge(a, b), "BAD_DATA", () => copied(good, a)) }),
  },
  {
    how: "merges revocations away",
    caught: [],
    plant: (good) => ({
      async merge(a, b) {
        const both = await good.merge(a, b)
        return filtered(both.bytes, (packet) => !isRevocation(packet))
      },
    }),
  },
  {
    how: "merges the certifications of others away",
    caught: [],
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
