import type { Certificate } from "@aurochs/core"
import { type CallOptions, type Fingerprint, isAurochsError, throwIfAborted } from "@aurochs/core"
import {
  type At,
  givenLimits,
  type Limits,
  type Opened,
  type SecretKey,
  type SessionKey,
  type SessionKeyOptions,
  type SignatureVerdict,
} from "@aurochs/crypto"
import * as pgp from "openpgp"
import type { Checked } from "./checked.ts"
import type { Content } from "./content.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { decryptData, decryptWithKeys } from "./decrypt.ts"
import { engineConfig } from "./engine.ts"
import { type Envelope, readEnvelope } from "./envelope.ts"
import { badData, cannotDecrypt } from "./errors.ts"
import { type Inside, parseClear } from "./inside.ts"
import type { Keyring } from "./secrets.ts"
import type { KnownSessionKey } from "./session.ts"
import { judge } from "./verdict.ts"

type OpenOptions = CallOptions &
  At & {
    readonly decryptWith: readonly SecretKey[]
    readonly verifyWith: readonly Certificate[]
    readonly limits?: Partial<Limits> | undefined
  }

type VerifyOptions = Omit<OpenOptions, "decryptWith">

/** How the content of a message is had, and whose key opened it. */
type Unwrap = (
  envelope: Envelope,
  inside: Inside,
) => Promise<{ readonly content: Content; readonly encryptedTo?: Fingerprint | undefined }>

/**
 * Decrypts and verifies one message.
 *
 * @throws {AurochsError} `BAD_DATA`, `CANNOT_DECRYPT`, `BACKEND`, `ABORTED`
 */
export async function open(context: Context, keys: Keyring, bytes: Uint8Array, options: OpenOptions): Promise<Opened> {
  return opened(context, bytes, options, async (envelope, inside) => {
    if (envelope.kind === "encrypted") {
      return withAll(keys, options.decryptWith, (ours) => decryptWithKeys(envelope, ours, inside, options))
    }
    const clear = await parseClear(bytes, inside)
    if (isAurochsError(clear)) throw clear
    return { content: clear }
  })
}

/**
 * The same with a session key that another engine recovered.
 *
 * @throws {AurochsError} `BAD_DATA`, `CANNOT_DECRYPT`, `ABORTED`
 */
export async function openWithSessionKey(
  context: Context,
  bytes: Uint8Array,
  options: SessionKeyOptions,
): Promise<Opened> {
  return opened(context, bytes, options, async (envelope, inside) => {
    if (envelope.kind !== "encrypted") throw badData("message", "it is not encrypted")
    const content = await decryptData(envelope.data, knownSessionKey(options.sessionKey), inside)
    if (isAurochsError(content)) throw content
    return { content, encryptedTo: options.encryptedTo }
  })
}

/** @throws {AurochsError} `CANNOT_DECRYPT` (`damaged`) for an algorithm that the library does not know */
function knownSessionKey({ algorithm, bytes }: SessionKey): KnownSessionKey {
  if (!CIPHERS.has(algorithm)) throw cannotDecrypt("damaged")
  return { bytes: new Uint8Array(bytes), algorithm }
}

const CIPHERS: ReadonlySet<number> = new Set(Object.values(pgp.enums.symmetric).map(Number))

async function opened(context: Context, bytes: Uint8Array, options: VerifyOptions, unwrap: Unwrap): Promise<Opened> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const limits = options.limits === undefined ? context.limits : { ...context.limits, ...givenLimits(options.limits) }
  const config = options.limits === undefined ? context.config : engineConfig(limits)
  const envelope = readEnvelope(bytes, limits)
  const verifyWith = await Promise.all(options.verifyWith.map((one) => readCertificate(context, one.bytes, options)))
  const maxPackets = limits.maxPackets - (envelope.kind === "encrypted" ? envelope.packets : 0)
  const { content, encryptedTo } = await unwrap(envelope, { config, limits, maxPackets })
  throwIfAborted(options)
  const signatures: SignatureVerdict[] = []
  for (const signature of content.signatures) {
    const judging = { literal: content.literal, keys: verifyWith, encryptedTo, now: now.getTime(), config }
    signatures.push(await judge(signature, judging))
    throwIfAborted(options)
  }
  return { plaintext: content.plaintext, encrypted: envelope.kind === "encrypted", encryptedTo, signatures }
}

/** Runs `work` while all these secret keys are held. */
async function withAll<T>(
  keys: Keyring,
  handles: readonly SecretKey[],
  work: (checked: readonly Checked[]) => Promise<T>,
  checked: readonly Checked[] = [],
): Promise<T> {
  const [first, ...rest] = handles
  if (first === undefined) return work(checked)
  return keys.use(first, (unlocked) => withAll(keys, rest, work, [...checked, unlocked.checked]))
}
