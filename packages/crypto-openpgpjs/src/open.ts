import type { Certificate } from "@aurochs/core"
import { type CallOptions, type Fingerprint, isAurochsError, throwIfAborted } from "@aurochs/core"
import type { At, Limits, Opened, SecretKey, SignatureVerdict } from "@aurochs/crypto"
import type { Checked } from "./checked.ts"
import type { Content } from "./content.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { decryptWithKeys } from "./decrypt.ts"
import { engineConfig } from "./engine.ts"
import { readEnvelope } from "./envelope.ts"
import { parseClear } from "./inside.ts"
import type { Keyring } from "./secrets.ts"
import { judge } from "./verdict.ts"

type OpenOptions = CallOptions &
  At & {
    readonly decryptWith: readonly SecretKey[]
    readonly verifyWith: readonly Certificate[]
    readonly limits?: Partial<Limits> | undefined
  }

/**
 * Decrypts and verifies one message.
 *
 * @throws {AurochsError} `BAD_DATA`, `CANNOT_DECRYPT`, `BACKEND`, `ABORTED`
 */
export async function open(context: Context, keys: Keyring, bytes: Uint8Array, options: OpenOptions): Promise<Opened> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const limits = merged(context.limits, options.limits)
  const config = engineConfig(limits)
  const envelope = readEnvelope(bytes, limits)
  const verifyWith = await Promise.all(options.verifyWith.map((one) => readCertificate(context, one.bytes, options)))
  const maxPackets = limits.maxPackets - (envelope.kind === "encrypted" ? envelope.packets : 0)
  const inside = { config, limits, maxPackets }
  let content: Content
  let encryptedTo: Fingerprint | undefined
  if (envelope.kind === "encrypted") {
    const decrypted = await withAll(keys, options.decryptWith, (ours) =>
      decryptWithKeys(envelope, ours, inside, options),
    )
    content = decrypted.content
    encryptedTo = decrypted.encryptedTo
  } else {
    const clear = await parseClear(bytes, inside)
    if (isAurochsError(clear)) throw clear
    content = clear
  }
  throwIfAborted(options)
  const signatures: SignatureVerdict[] = []
  for (const signature of content.signatures) {
    const judging = { literal: content.literal, keys: verifyWith, encryptedTo, now: now.getTime(), config }
    signatures.push(await judge(signature, judging))
    throwIfAborted(options)
  }
  return { plaintext: content.plaintext, encrypted: envelope.kind === "encrypted", encryptedTo, signatures }
}

/** Limits of a call over those of the provider; a limit given as undefined is not given. */
export function merged(base: Limits, over: Partial<Limits> | undefined): Limits {
  const given = Object.entries(over ?? {}).filter(([, value]) => value !== undefined)
  return { ...base, ...Object.fromEntries(given) }
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
