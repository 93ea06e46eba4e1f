import * as pgp from "openpgp"
import { hasPreference, type Usable } from "./judge.ts"

// The library's own `encrypt` and `decrypt` choose keys and verify them each time; here that was done before, by
// `choose.ts`. What is left is to make and read the two packets.

/** A session key with its algorithm; undefined where the encrypted data itself names it (RFC 9580 §5.1.2). */
export interface KnownSessionKey {
  readonly bytes: Uint8Array
  readonly algorithm: number | undefined
}

/** Methods that the library's packets have and its types leave out or call private. */
interface SessionKeyPacket {
  readonly publicKeyAlgorithm: pgp.enums.publicKey | null
  sessionKey: Uint8Array | null
  readonly sessionKeyAlgorithm: number | null
  read(body: Uint8Array): void
  write(): Uint8Array
  encrypt(key: pgp.AnyKeyPacket): Promise<void>
  decrypt(key: pgp.AnyKeyPacket): Promise<void>
}

interface EncryptedData {
  /** Of version 2, and of GnuPG's own packet: the algorithm. */
  readonly cipherAlgorithm?: number | null
  packets: pgp.PacketList<pgp.AnyPacket> | null
  read(body: Uint8Array): Promise<void>
  encrypt(algorithm: number, key: Uint8Array, config: pgp.Config): Promise<unknown>
  decrypt(algorithm: number, key: Uint8Array, config: pgp.Config): Promise<unknown>
}

interface FromObject<Fields, Packet> {
  fromObject(fields: Fields): Packet
}

interface RecipientFields {
  readonly version: 3
  readonly encryptionKeyPacket: pgp.AnyKeyPacket
  readonly anonymousRecipient: false
  readonly sessionKey: Uint8Array
  readonly sessionKeyAlgorithm: number
}

const SessionKeyPackets = pgp.PublicKeyEncryptedSessionKeyPacket as unknown as (new () => SessionKeyPacket) &
  FromObject<RecipientFields, SessionKeyPacket>
const EncryptedPackets = pgp.SymEncryptedIntegrityProtectedDataPacket as unknown as (new () => EncryptedData) &
  FromObject<{ readonly version: 1 }, EncryptedData>
const AeadPackets = pgp.AEADEncryptedDataPacket as unknown as new () => EncryptedData

/**
 * Encrypts packets to each of these keys: session key packets of version 3, SEIPDv1, AES-256.
 *
 * @param to the very key packets, chosen before
 */
export async function encryptTo(
  to: readonly pgp.AnyKeyPacket[],
  packets: pgp.PacketList<pgp.AnyPacket>,
  config: pgp.Config,
): Promise<Uint8Array> {
  const algorithm = pgp.enums.symmetric.aes256
  const key = globalThis.crypto.getRandomValues(new Uint8Array(32))
  try {
    const data = EncryptedPackets.fromObject({ version: 1 })
    data.packets = packets
    const [forKeys] = await Promise.all([
      Promise.all(to.map((one) => sessionKeyFor(one, key, algorithm))),
      data.encrypt(algorithm, key, config),
    ])
    const all = new pgp.PacketList<pgp.AnyPacket>()
    for (const packet of [...forKeys, data]) all.push(packet as unknown as pgp.AnyPacket)
    return all.write()
  } finally {
    key.fill(0)
  }
}

async function sessionKeyFor(to: pgp.AnyKeyPacket, key: Uint8Array, algorithm: number): Promise<SessionKeyPacket> {
  const packet = SessionKeyPackets.fromObject({
    version: 3,
    encryptionKeyPacket: to,
    anonymousRecipient: false,
    sessionKey: key,
    sessionKeyAlgorithm: algorithm,
  })
  await packet.encrypt(to)
  packet.sessionKey = null
  return packet
}

/** RSA, where what goes wrong must not show (attack A30): the library has a way of its own for it. */
const NEEDS_COVER: ReadonlySet<pgp.enums.publicKey | null> = new Set([
  pgp.enums.publicKey.rsaEncrypt,
  pgp.enums.publicKey.rsaEncryptSign,
  pgp.enums.publicKey.rsaSign,
  pgp.enums.publicKey.elgamal,
])

/**
 * Reads a session key packet and decrypts it with one key.
 *
 * @returns `"needs-cover"` for an algorithm with which failures must not be told apart: nothing was decrypted yet
 * @throws whatever the library throws if it does not open, or holds a cipher that the key's owner never asked for
 */
export async function sessionKeyIn(body: Uint8Array, usable: Usable): Promise<KnownSessionKey | "needs-cover"> {
  const packet = new SessionKeyPackets()
  packet.read(body)
  if (NEEDS_COVER.has(packet.publicKeyAlgorithm)) return "needs-cover"
  await packet.decrypt(usable.packet)
  const { sessionKey, sessionKeyAlgorithm } = packet
  if (sessionKey === null) throw new Error("no session key")
  if (sessionKeyAlgorithm === null) return { bytes: sessionKey, algorithm: undefined }
  if (!ALWAYS_READ.has(sessionKeyAlgorithm) && !hasPreference(usable.self.packet, sessionKeyAlgorithm)) {
    throw new Error("a cipher that the key does not ask for")
  }
  return { bytes: sessionKey, algorithm: sessionKeyAlgorithm }
}

/** Ciphers that implementations fall back to, whatever the key asks for. */
const ALWAYS_READ: ReadonlySet<number> = new Set([
  pgp.enums.symmetric.aes256,
  pgp.enums.symmetric.aes128,
  pgp.enums.symmetric.tripledes,
  pgp.enums.symmetric.cast5,
])

/**
 * Decrypts the encrypted data and has the library parse what is inside.
 *
 * @param tag 18 (RFC 9580 §5.13) or GnuPG's 20
 * @param body of the packet, in one piece
 */
export async function packetsIn(
  tag: number,
  body: Uint8Array,
  key: KnownSessionKey,
  config: pgp.Config,
): Promise<pgp.PacketList<pgp.AnyPacket>> {
  const packet = tag === pgp.enums.packet.aeadEncryptedData ? new AeadPackets() : new EncryptedPackets()
  await packet.read(body)
  const algorithm = packet.cipherAlgorithm || key.algorithm
  if (algorithm === undefined) throw new Error("nothing names the cipher")
  await packet.decrypt(algorithm, key.bytes, config)
  if (packet.packets === null || packet.packets.length === 0) throw new Error("nothing is inside")
  return packet.packets
}
