import type { Limits } from "@aurochs/crypto"
import * as pgp from "openpgp"

/** Room for one-pass signatures, signatures and packet headers around the text inside a compressed packet. */
const ENVELOPE_BYTES = 65_536

/**
 * Every setting that matters, said explicitly: the library's own configuration is a global that anybody in the
 * process may change.
 */
export function engineConfig(limits: Limits): pgp.Config {
  return {
    ...pgp.config,
    preferredHashAlgorithm: pgp.enums.hash.sha512,
    preferredSymmetricAlgorithm: pgp.enums.symmetric.aes256,
    preferredCompressionAlgorithm: pgp.enums.compression.uncompressed,
    aeadProtect: false,
    v6Keys: false,
    enableParsingV5Entities: false,
    parseAEADEncryptedV4KeysAsLegacy: false,
    allowUnauthenticatedMessages: false,
    allowUnauthenticatedStream: false,
    allowInsecureDecryptionWithSigningKeys: false,
    allowInsecureVerificationWithReformattedKeys: false,
    allowMissingKeyFlags: false,
    // What the sender sees must not depend on how an RSA session key was malformed (attack A30).
    constantTimePKCS1Decryption: true,
    constantTimePKCS1DecryptionSupportedSymmetricAlgorithms: new Set([
      pgp.enums.symmetric.aes128,
      pgp.enums.symmetric.aes192,
      pgp.enums.symmetric.aes256,
    ]),
    enforceGrammar: true,
    ignoreUnsupportedPackets: true,
    ignoreMalformedPackets: false,
    additionalAllowedPackets: [],
    maxDecompressedMessageSize: limits.maxPlaintextBytes + ENVELOPE_BYTES,
    maxArgon2MemoryExponent: limits.maxArgon2MemoryExponent,
    maxUserIDLength: 2_048,
    knownNotations: [],
    nonDeterministicSignaturesViaNotation: true,
    s2kType: pgp.enums.s2k.iterated,
    s2kIterationCountByte: 224,
    minRSABits: 2_047,
    rejectHashAlgorithms: new Set([pgp.enums.hash.md5, pgp.enums.hash.ripemd]),
    rejectMessageHashAlgorithms: new Set([pgp.enums.hash.md5, pgp.enums.hash.ripemd, pgp.enums.hash.sha1]),
    rejectPublicKeyAlgorithms: new Set([pgp.enums.publicKey.elgamal, pgp.enums.publicKey.dsa]),
    rejectCurves: new Set([pgp.enums.curve.secp256k1]),
  }
}

/** Signs like {@link engineConfig}, verifies arithmetic only: hashes are judged by us, so that the reason has a name. */
export function arithmeticOnly(config: pgp.Config): pgp.Config {
  const made = arithmetic.get(config) ?? {
    ...config,
    rejectHashAlgorithms: new Set(),
    rejectMessageHashAlgorithms: new Set(),
  }
  arithmetic.set(config, made)
  return made
}

/** A provider's configuration does not change; each has one of these. */
const arithmetic = new WeakMap<pgp.Config, pgp.Config>()

/** The bytes that a signature packet is verified over, as the library wants them. */
export type SignedData =
  | pgp.LiteralDataPacket
  | {
      readonly key: pgp.AnyKeyPacket
      readonly bind?: pgp.AnyKeyPacket
      readonly userID?: pgp.UserIDPacket
      readonly userAttribute?: pgp.UserAttributePacket
    }

/**
 * Is the arithmetic of this signature right? Says nothing of time, of flags or of revocation.
 *
 * @param config decides only which hashes are refused
 */
export async function signatureHolds(
  signature: pgp.SignaturePacket,
  by: pgp.AnyKeyPacket,
  type: pgp.enums.signature,
  data: SignedData,
  config: pgp.Config,
): Promise<boolean> {
  try {
    // null means "no moment": the library's types do not know it, its documentation does.
    await signature.verify(by, type, data, null as unknown as Date, false, config)
    return true
  } catch {
    return false
  }
}

/** The fields of a signature that is about to be made. */
export type SignatureFields = Partial<
  Pick<
    pgp.SignaturePacket,
    | "keyExpirationTime"
    | "keyNeverExpires"
    | "keyFlags"
    | "features"
    | "isPrimaryUserID"
    | "preferredSymmetricAlgorithms"
    | "preferredHashAlgorithms"
    | "preferredCompressionAlgorithms"
    | "embeddedSignature"
    | "reasonForRevocationFlag"
    | "reasonForRevocationString"
  >
>

type Sign = (
  key: pgp.AnySecretKeyPacket,
  data: SignedData,
  date: Date,
  detached: boolean,
  config: pgp.Config,
) => Promise<void>

/** Makes one signature packet of `type` over `data`. */
export async function makeSignature(
  type: pgp.enums.signature,
  by: pgp.AnySecretKeyPacket,
  data: SignedData,
  fields: SignatureFields,
  at: Date,
  config: pgp.Config,
): Promise<pgp.SignaturePacket> {
  const signature = new pgp.SignaturePacket()
  Object.assign(signature, fields)
  signature.signatureType = type
  signature.publicKeyAlgorithm = by.algorithm
  signature.hashAlgorithm = config.preferredHashAlgorithm
  // The library takes the configuration as a fifth argument that its types leave out.
  await (signature.sign as unknown as Sign).call(signature, by, data, at, false, config)
  return signature
}

/** A packet list of these packets. */
export function packetList(packets: readonly pgp.AnyPacket[]): pgp.PacketList<pgp.AnyPacket> {
  const list = new pgp.PacketList<pgp.AnyPacket>()
  for (const packet of packets) list.push(packet)
  return list
}

/** The rest of a packet list that the library has parsed but not yet handed out; its types leave it out. */
interface Unfinished {
  readonly stream?: { getReader(): { read(): Promise<{ done: boolean; value?: pgp.AnyPacket }> } } | null
}

/** Every packet of a list: after the first one that carries data the library keeps the others back. */
export async function allPackets(list: pgp.PacketList<pgp.AnyPacket>): Promise<readonly pgp.AnyPacket[]> {
  const packets: pgp.AnyPacket[] = [...list]
  const reader = (list as Unfinished).stream?.getReader()
  if (reader === undefined) return packets
  for (;;) {
    const { done, value } = await reader.read()
    if (done || value === undefined) return packets
    packets.push(value)
  }
}
