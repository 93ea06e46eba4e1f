import { type CallOptions, type Certificate, type Fingerprint, throwIfAborted } from "@aurochs/core"
import { type At, givenLimits, type Limits, type Opened, type SecretKey } from "@aurochs/crypto"
import { tag } from "@aurochs/crypto/packets"
import { type Content, readContent } from "./content.ts"
import type { Engine } from "./engine.ts"
import type { DecryptionKey } from "./handles.ts"
import { isNamed, ownBytes } from "./known.ts"
import { type Packet, readPackets, view } from "./packets.ts"
import type { SigningKey } from "./public-key.ts"
import { unprotect } from "./sealed-data.ts"
import { openSessionKey, readSessionPacket, recipientOf } from "./session-key.ts"
import { type Signature, signatureHolds } from "./signature.ts"

/** What a call of `open` has. */
export type OpenOptions = CallOptions &
  At & {
    readonly decryptWith: readonly SecretKey[]
    readonly verifyWith: readonly Certificate[]
    readonly limits?: Partial<Limits> | undefined
  }

/**
 * Opens a message that decrypts, whose integrity holds, and that is unsigned or has one signature that is valid.
 *
 * @returns undefined for every other message: what is wrong with it the fallback says
 * @throws anything: then likewise
 */
export async function open(engine: Engine, message: Uint8Array, options: OpenOptions): Promise<Opened | undefined> {
  throwIfAborted(options)
  const now = (options.now ?? engine.facts.clock.now()).getTime()
  const limits =
    options.limits === undefined ? engine.facts.limits : { ...engine.facts.limits, ...givenLimits(options.limits) }
  if (Number.isNaN(now) || message.length > limits.maxMessageBytes) return undefined
  const ours = await decryptionKeys(engine, options)
  const decrypted = ours && decrypt(view(message), ours, limits)
  if (decrypted === undefined) return undefined
  const { content, encryptedTo } = decrypted
  const { signature, data } = content
  const signer = await signerOf(engine, signature, now, options)
  throwIfAborted(options)
  const opened = { plaintext: ownBytes(data), encrypted: true, encryptedTo }
  if (signature === undefined) return { ...opened, signatures: [] }
  if (signer === undefined || !signatureHolds(signature, data, signer.publicKey)) return undefined
  const verdict = { kind: "valid", certificate: signer.certificate, signedAt: new Date(signature.signedAt) } as const
  return { ...opened, signatures: [verdict] }
}

async function decryptionKeys(engine: Engine, options: OpenOptions): Promise<readonly DecryptionKey[] | undefined> {
  const all: DecryptionKey[] = []
  for (const handle of options.decryptWith) {
    const asked = engine.handles.decryptionKeys(handle, options)
    const keys = asked instanceof Promise ? await asked : asked
    if (keys === undefined) return undefined
    all.push(...keys)
  }
  return all
}

/** Nothing of this waits: the bytes are the same from the first look to the last. */
function decrypt(
  message: Buffer,
  ours: readonly DecryptionKey[],
  limits: Limits,
): { readonly content: Content; readonly encryptedTo: Fingerprint } | undefined {
  const packets = readPackets(message, limits.maxPackets)
  const data = packets?.at(-1)
  if (packets === undefined || data?.tag !== tag.encrypted) return undefined
  const to = firstForUs(packets.slice(0, -1), ours)
  const session = to && readSessionPacket(to.packet.body)
  if (to?.key.own === undefined || session === undefined) return undefined
  const { privateKey, publicKey } = to.key.own
  const messageKey = openSessionKey(session, privateKey, publicKey.wrapping)
  const inside = messageKey && unprotect(data.body, messageKey)
  const content = inside && readContent(inside, limits, limits.maxPackets - packets.length)
  return content && { content, encryptedTo: to.key.certificate }
}

/** The first session key packet that names a key of ours; undefined also if one of the others is of another kind. */
function firstForUs(
  packets: readonly Packet[],
  ours: readonly DecryptionKey[],
): { readonly packet: Packet; readonly key: DecryptionKey } | undefined {
  let first: { readonly packet: Packet; readonly key: DecryptionKey } | undefined
  for (const packet of packets) {
    const keyId = packet.tag === tag.publicKeySession ? recipientOf(packet.body) : undefined
    if (keyId === undefined) return undefined
    if (first !== undefined) continue
    const key = ours.find((one) => one.keyId.equals(keyId))
    if (key !== undefined) first = { packet, key }
  }
  return first
}

/** The first of the certificates' keys that the signature names and that counts at its time. All of them are looked at. */
async function signerOf(
  engine: Engine,
  signature: Signature | undefined,
  now: number,
  options: OpenOptions,
): Promise<SigningKey | undefined> {
  let found: SigningKey | undefined
  for (const { bytes } of options.verifyWith) {
    const asked = engine.known.signers(bytes, now, signature?.signedAt ?? now, options)
    const keys = asked instanceof Promise ? await asked : asked
    found ??= signature && keys.find((key) => isNamed(key, signature.keyId, signature.fingerprint))
  }
  return found
}
