import * as pgp from "openpgp"
import { born, config, contentText, forge, type Person } from "./forge.ts"

/** A copy that can be changed. */
export function copyOf(key: pgp.PrivateKey): Promise<pgp.PrivateKey> {
  return pgp.readPrivateKey({ binaryKey: key.write(), config })
}

/** With another User ID that nobody signed. */
export async function withGrafted(key: pgp.PrivateKey, userId: string): Promise<pgp.PrivateKey> {
  const packets = new pgp.PacketList<pgp.AnyPacket>()
  for (const packet of key.toPacketList()) {
    if (packet instanceof pgp.SecretSubkeyPacket) packets.push(pgp.UserIDPacket.fromObject({ name: userId }))
    packets.push(packet)
  }
  return pgp.readPrivateKey({ binaryKey: packets.write() })
}

/** With its first User ID revoked. */
export async function withRevokedUserId(key: pgp.PrivateKey): Promise<pgp.PrivateKey> {
  const copy = await copyOf(key)
  const [user] = copy.users
  const primary = copy.keyPacket
  if (user === undefined || !(primary instanceof pgp.SecretKeyPacket)) throw new Error("no User ID")
  copy.users[0] = await user.revoke(primary, { flag: pgp.enums.reasonForRevocation.userIDInvalid }, born)
  return copy
}

/** The same key with self-signatures that name no expiry. */
export async function withoutExpiry(key: pgp.PrivateKey): Promise<pgp.PrivateKey> {
  const { privateKey } = await pgp.reformatKey({
    privateKey: key,
    userIDs: [{ name: "xmpp:bob@ox.test" }],
    date: born,
    format: "object",
  })
  return privateKey
}

/** The library declares this private. */
interface Encrypting {
  packets: pgp.PacketList<pgp.AnyPacket>
  encrypt(algorithm: number, key: Uint8Array, config: pgp.Config): Promise<void>
}

/** A signed message in a Symmetrically Encrypted Data packet (RFC 9580 §5.7), which protects nothing. */
export async function withoutIntegrity(to: Person, by: Person): Promise<Uint8Array> {
  const signed = await pgp.readMessage({ binaryMessage: await forge({ text: contentText(), by: [by] }) })
  const data = globalThis.crypto.getRandomValues(new Uint8Array(32))
  const packet = new pgp.SymmetricallyEncryptedDataPacket()
  const encrypting = packet as unknown as Encrypting
  encrypting.packets = signed.packets
  await encrypting.encrypt(pgp.enums.symmetric.aes256, data, config)
  const list = new pgp.PacketList<pgp.AnyPacket>()
  list.push(packet)
  const encryptionKeys = to.key.toPublic()
  const forKey = await pgp.encryptSessionKey({ data, algorithm: "aes256", encryptionKeys, format: "binary", config })
  return new Uint8Array([...(forKey as Uint8Array), ...list.write()])
}
