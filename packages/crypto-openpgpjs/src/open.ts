import type { Certificate } from "@aurochs/core"
import { type CallOptions, type Fingerprint, throwIfAborted } from "@aurochs/core"
import type { At, Limits, Opened, SecretKey, SignatureVerdict } from "@aurochs/crypto"
import * as pgp from "openpgp"
import type { Checked } from "./checked.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { decryptWithKeys, insideFailure } from "./decrypt.ts"
import { allPackets, engineConfig } from "./engine.ts"
import { readEnvelope } from "./envelope.ts"
import { badData, step } from "./errors.ts"
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
  let message: pgp.Message<Uint8Array>
  let encryptedTo: Fingerprint | undefined
  if (envelope.kind === "encrypted") {
    const decrypted = await withAll(keys, options.decryptWith, (ours) =>
      decryptWithKeys(envelope, ours, config, options),
    )
    message = decrypted.message
    encryptedTo = decrypted.encryptedTo
  } else {
    // A copy: the library keeps pointing into what it was given.
    const read = () => pgp.readMessage({ binaryMessage: bytes.slice(), config })
    message = await step(read, (text) => insideFailure(new Error(text)))
  }
  throwIfAborted(options)
  const inside = await contentOf(message, envelope.packets, limits)
  const signatures: SignatureVerdict[] = []
  for (const signature of inside.signatures) {
    const judging = { literal: inside.literal, keys: verifyWith, encryptedTo, now: now.getTime(), config }
    signatures.push(await judge(signature, judging))
    throwIfAborted(options)
  }
  return { plaintext: inside.plaintext, encrypted: envelope.kind === "encrypted", encryptedTo, signatures }
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

interface Content {
  readonly literal: pgp.LiteralDataPacket
  readonly plaintext: Uint8Array
  readonly signatures: readonly pgp.AnyPacket[]
}

/** The library's literal packet lets its bytes out only in its own sources. */
interface WithBytes {
  getBytes(): unknown
}

/**
 * The one literal packet and every signature around it. They come from the same packets that the signatures are
 * verified over, so what is returned is what was signed (attack A25).
 *
 * @throws {AurochsError} `BAD_DATA`
 */
export async function contentOf(
  message: pgp.Message<Uint8Array>,
  outerPackets: number,
  limits: Limits,
): Promise<Content> {
  const { packets, depth } = await step(
    () => unwrapped(message),
    (text) => insideFailure(new Error(text)),
  )
  if (outerPackets + packets.length + depth > limits.maxPackets) {
    throw badData("message", "it exceeds maxPackets", "maxPackets")
  }
  const literals = packets.filter((p) => p instanceof pgp.LiteralDataPacket)
  const [literal] = literals
  if (literal === undefined || literals.length !== 1) throw badData("message", "it holds no text, or several")
  const plaintext = (literal as unknown as WithBytes).getBytes()
  if (!(plaintext instanceof Uint8Array)) throw badData("message", "its text cannot be read")
  if (plaintext.length > limits.maxPlaintextBytes) {
    throw badData("message", "it exceeds maxPlaintextBytes", "maxPlaintextBytes")
  }
  // A copy: the bytes lie in a larger buffer together with the signatures.
  return { literal, plaintext: plaintext.slice(), signatures: packets.filter(isSignature) }
}

interface Unwrapped {
  readonly packets: readonly pgp.AnyPacket[]
  readonly depth: number
}

/** Compression is looked through once, where it covers everything; the library refuses it inside itself. */
async function unwrapped(message: pgp.Message<Uint8Array>): Promise<Unwrapped> {
  const outer = await allPackets(message.packets)
  const compressed = outer.filter((p) => p instanceof pgp.CompressedDataPacket)
  const [only] = compressed
  if (only === undefined) return { packets: outer, depth: 0 }
  if (outer.length !== 1) throw new Error("compressed text beside other packets")
  const inner = (only as unknown as { readonly packets: pgp.PacketList<pgp.AnyPacket> }).packets
  return { packets: await allPackets(inner), depth: 1 }
}

/** A signature packet, also one of a version or algorithm that the library does not know. */
function isSignature(packet: pgp.AnyPacket): boolean {
  if (packet instanceof pgp.SignaturePacket) return true
  return (packet as { readonly tag?: unknown }).tag === pgp.enums.packet.signature
}
