import { type CallOptions, type Fingerprint, isAurochsError, throwIfAborted } from "@aurochs/core"
import * as pgp from "openpgp"
import type { Checked } from "./checked.ts"
import { decryptionKeys, narrowedSecret } from "./choose.ts"
import type { Content } from "./content.ts"
import type { EncryptedPacket, Envelope, SessionPacket } from "./envelope.ts"
import { cannotDecrypt } from "./errors.ts"
import { type Failure, type Inside, parsed } from "./inside.ts"
import type { Usable } from "./judge.ts"
import { type KnownSessionKey, packetsIn, sessionKeyIn } from "./session.ts"

type Encrypted = Extract<Envelope, { kind: "encrypted" }>

/** How many combinations of session key packet and secret key one message may cost (attack A29). */
const MAX_TRIALS = 32

/** What was inside, and whose key opened it. */
export interface Decrypted {
  readonly content: Content
  readonly encryptedTo: Fingerprint
}

interface Trial {
  readonly packet: SessionPacket
  readonly key: Checked
  readonly usable: Usable
}

/**
 * Decrypts with the first of these keys that a session key packet was made for. Packets that name one of our keys come
 * first, then those for a hidden recipient.
 *
 * @throws {AurochsError} `CANNOT_DECRYPT`, `BAD_DATA`, `ABORTED`
 */
export async function decryptWithKeys(
  envelope: Encrypted,
  keys: readonly Checked[],
  inside: Inside,
  options: CallOptions,
): Promise<Decrypted> {
  let isDamaged = false
  for (const trial of trials(envelope, keys)) {
    throwIfAborted(options)
    const { packet, key } = trial
    const sessionKeys = await sessionKeysOf(trial, envelope.data, inside.config)
    // A packet that names our key and does not open is damaged; one that names nobody was for somebody else.
    if (sessionKeys.length === 0 && packet.keyId !== undefined) isDamaged = true
    const opened = await firstThatOpens(envelope.data, sessionKeys, inside)
    if (opened === undefined) continue
    if (!isAurochsError(opened)) return { content: opened, encryptedTo: key.fingerprint }
    if (packet.keyId !== undefined || opened.code === "BAD_DATA") throw opened
  }
  throw cannotDecrypt(isDamaged ? "damaged" : "not-for-us")
}

function trials(envelope: Encrypted, keys: readonly Checked[]): readonly Trial[] {
  const ours = keys.flatMap((key) => decryptionKeys(key).map((usable) => ({ key, usable })))
  const named = envelope.forKeys.flatMap((packet) =>
    ours.filter(({ usable }) => usable.packet.getKeyID().toHex() === packet.keyId).map((own) => ({ packet, ...own })),
  )
  const hidden = envelope.forKeys
    .filter((packet) => packet.keyId === undefined)
    .flatMap((packet) => ours.map((own) => ({ packet, ...own })))
  return [...named, ...hidden].slice(0, MAX_TRIALS)
}

async function sessionKeysOf(
  { packet, key, usable }: Trial,
  data: EncryptedPacket,
  config: pgp.Config,
): Promise<readonly KnownSessionKey[]> {
  try {
    const found = await sessionKeyIn(packet.body, usable)
    if (found !== "needs-cover") return [found]
    const message = await pgp.readMessage({ binaryMessage: joined(packet.bytes, data.bytes), config })
    return (await pgp.decryptSessionKeys({ message, decryptionKeys: narrowedSecret(usable, key), config })).map(known)
  } catch {
    return []
  }
}

/** As the library gives a session key. */
export function known({ data, algorithm }: pgp.DecryptedSessionKey): KnownSessionKey {
  return { bytes: data, algorithm: algorithm === null ? undefined : pgp.enums.symmetric[algorithm] }
}

/**
 * Decrypts the data with each session key in turn: with RSA the library gives random ones too, so that nobody can tell
 * from outside whether the padding was right.
 */
async function firstThatOpens(
  data: EncryptedPacket,
  sessionKeys: readonly KnownSessionKey[],
  inside: Inside,
): Promise<Content | Failure | undefined> {
  let failure: Failure | undefined
  for (const sessionKey of sessionKeys) {
    const opened = await decryptData(data, sessionKey, inside)
    if (!isAurochsError(opened)) return opened
    if (failure === undefined || opened.code === "BAD_DATA") failure = opened
  }
  return failure
}

/** Decrypts with one session key. */
export function decryptData(
  data: EncryptedPacket,
  sessionKey: KnownSessionKey,
  inside: Inside,
): Promise<Content | Failure> {
  return parsed(inside, (config) => packetsIn(data.tag, data.body, sessionKey, config))
}

/** Two byte strings as one. */
export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}
