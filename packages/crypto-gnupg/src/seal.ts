import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, SecretKey } from "@aurochs/crypto"
import { type Context, momentOf } from "./context.ts"
import { backend, noUsableKey } from "./errors.ts"
import { withFolder } from "./folder.ts"
import type { Answer } from "./gpg.ts"
import type { Held } from "./handles.ts"
import { narrowed } from "./narrowed.ts"
import type { OwnPart } from "./own-parts.ts"
import { withSecret } from "./passphrase.ts"
import { checkSigner, type Recipient, readRecipients } from "./recipients.ts"
import { encryptedMessage, isPlainEncryption, signedMessage } from "./sealed.ts"
import { argsOf, lacksSecret } from "./status.ts"
import { stranger } from "./stranger.ts"

/** What a sealing call may ask for: recipients, a signer, or both. */
export type SealOptions = CallOptions &
  At & { readonly recipients?: readonly Certificate[] | undefined; readonly signWith?: SecretKey | undefined }

/**
 * Signs if there is a signer and encrypts if there are recipients, in one call of gpg: SEIPDv1, AES-256, SHA-512, no
 * compression, binary, definite lengths. The text goes through a pipe, never into a file.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`, `BAD_DATA` (`certificate`), `KEY_LOCKED`, `BACKEND`, `ABORTED`
 */
export async function seal(context: Context, plaintext: Uint8Array, options: SealOptions): Promise<Uint8Array> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const { signal } = options
  return context.handles.use(options.signWith === undefined ? [] : [options.signWith], async ([held]) => {
    const to = options.recipients && (await readRecipients(context, options.recipients, now, { signal }))
    const signer = held && (await chooseSigner(context, held, now, { signal }))
    const work = { context, plaintext, now, signal, to, signer }
    if (to === undefined) return signedMessage(await sealed(work, []))
    const message = await sealed(work, to)
    if (isPlainEncryption(message)) return encryptedMessage(message, to)
    // From 2.3 on gpg uses OCB if every certificate announces it, and no option stops it: one that does not stops it.
    const other = await stranger(context, { now, signal })
    return encryptedMessage(await sealed(work, [...to, other]), to, other)
  })
}

interface Signer {
  readonly held: Held
  readonly part: OwnPart
  /** When the signature is made. */
  readonly at: Date
}

interface Work extends CallOptions {
  readonly context: Context
  readonly plaintext: Uint8Array
  readonly now: Date
  readonly signer: Signer | undefined
}

/** The primary key comes first: some clients drop signatures made by a subkey. */
async function chooseSigner(context: Context, held: Held, now: Date, options: CallOptions): Promise<Signer> {
  const { fingerprint } = held.certificate
  const { at, keys } = await checkSigner(context, held.certificate, now, options)
  const able = held.parts
    .filter((part) => part.signs && part.secret !== "missing" && keys?.includes(part.fingerprint) !== false)
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())
  const part = able.find((one) => one.fingerprint === fingerprint) ?? able[0]
  if (part === undefined) throw noUsableKey(fingerprint, "no-sign-flag", undefined)
  return { held, part, at: latest(part.createdAt, at) }
}

function latest(a: Date, b: Date): Date {
  return new Date(Math.max(a.getTime(), b.getTime()))
}

/** Room for a signature and for packet headers, and for one session key packet of the largest RSA key. */
const ENVELOPE_BYTES = 65_536
const SESSION_PACKET_BYTES = 4_096

function sealed(work: Work, to: readonly Recipient[]): Promise<Uint8Array> {
  const { context, plaintext, now, signer, signal } = work
  return withFolder(context.left, async (folder) => {
    // Without a signer an empty one: gpg then knows no key but those of the recipients.
    const keyring = await folder.file("keys.gpg", signer === undefined ? new Uint8Array() : keyringOf(signer))
    const files = await Promise.all(to.map((one, i) => folder.file(`${i}.pgp`, one.bytes)))
    const call = (passphrase: Uint8Array | undefined) =>
      context.gpg({
        args: [...SEALING, ...signing(signer), ...encrypting(files)],
        input: plaintext,
        keyring,
        passphrase,
        now: signer?.at ?? now,
        signal,
        maxOutputBytes: 2 * plaintext.length + ENVELOPE_BYTES + to.length * SESSION_PACKET_BYTES,
      })
    const answer =
      signer === undefined
        ? await call(undefined)
        : await withSecret(context, signer.held, signer.part, { signal }, call)
    checkAnswer(answer, signer, to, files)
    return answer.output
  })
}

const SEALING = [
  "--no-encrypt-to",
  "--no-default-recipient",
  "--no-throw-keyids",
  "--no-textmode",
  "--cipher-algo=AES256",
  "--digest-algo=SHA512",
  "--compress-algo=none",
  "--output=-",
] as const

function keyringOf({ held, part }: Signer): Uint8Array {
  return narrowed(held.certificate.bytes, part.keyId)
}

function signing(signer: Signer | undefined): string[] {
  return signer === undefined ? [] : ["--local-user", `${signer.part.fingerprint}!`, "--sign"]
}

function encrypting(files: readonly string[]): string[] {
  if (files.length === 0) return []
  return [...files.flatMap((file) => ["--recipient-file", file]), "--encrypt"]
}

/** The exit code alone is not enough: each thing that was asked for has to be confirmed. */
function checkAnswer(
  { exitCode, status }: Answer,
  signer: Signer | undefined,
  to: readonly Recipient[],
  files: readonly string[],
): void {
  const refused = status
    .find((line) => line.keyword === "INV_RECP")
    ?.args.slice(1)
    .join(" ")
  const unfit = refused === undefined ? undefined : to[files.indexOf(refused)]
  if (unfit !== undefined) throw noUsableKey(unfit.fingerprint, "unsupported", unfit.owner)
  if (signer !== undefined && exitCode !== 0) {
    const { fingerprint } = signer.held.certificate
    if (argsOf(status, "INV_SGNR") !== undefined || lacksSecret(status)) {
      throw noUsableKey(fingerprint, "no-secret-key", undefined)
    }
  }
  if (exitCode !== 0) throw backend("gpg could not seal the message", exitCode)
  if (signer !== undefined && argsOf(status, "SIG_CREATED")?.at(-1) !== signer.part.fingerprint) {
    throw backend("gpg signed with another key, or not at all", exitCode)
  }
  if (files.length > 0 && argsOf(status, "END_ENCRYPTION") === undefined) throw backend("gpg did not encrypt", exitCode)
}
