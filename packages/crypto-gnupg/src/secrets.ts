import { type CallOptions, type Fingerprint, fingerprint, isAurochsError, throwIfAborted } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { joined, readPackets, tag } from "@aurochs/crypto/packets"
import type { Context } from "./context.ts"
import { backend } from "./errors.ts"
import type { Answer } from "./gpg.ts"
import { ownKey } from "./own-key.ts"
import { checkPassphrase } from "./passphrase.ts"
import { lacksAgent } from "./status.ts"

/** Options of `CryptoProvider.importSecret`. */
export type ImportOptions = CallOptions & { readonly passphrase?: Uint8Array | undefined }

/** One secret key as gpg gets it. */
interface Readable {
  readonly handle: SecretKey
  readonly bytes: Uint8Array
  /** Only if the key is protected by it. */
  readonly passphrase: Uint8Array | undefined
}

/**
 * Puts secret keys into the homedir. The certificate reader reads them first: whether they are whole, what their
 * passphrase costs, whether it is right. A key stays protected as it was; its handle keeps the passphrase.
 *
 * @throws {AurochsError} as `CryptoProvider.importSecret`; `UNSUPPORTED` for a passphrase that gpg cannot be given
 */
export async function importSecret(context: Context, secret: Uint8Array, options: ImportOptions): Promise<SecretKey[]> {
  throwIfAborted(options)
  const read: Readable[] = []
  const keys: SecretKey[] = []
  try {
    for (const bytes of split(secret)) read.push(await readable(context, bytes, options))
    for (const one of read) keys.push(await kept(context, one, options))
    return keys
  } catch (error) {
    for (const key of keys) await key[Symbol.asyncDispose]()
    throw error
  } finally {
    for (const { handle, bytes } of read) {
      bytes.fill(0)
      await handle[Symbol.asyncDispose]()
    }
  }
}

/** Keys that follow one another; anything that cannot be split is left to the certificate reader to refuse. */
function split(secret: Uint8Array): readonly Uint8Array[] {
  const packets = readPackets(secret, { maxPackets: MAX_PACKETS })
  if (typeof packets === "string" || packets[0]?.tag !== tag.secretKey) return [secret]
  const keys: Uint8Array[][] = []
  for (const one of packets) {
    if (one.tag === tag.secretKey) keys.push([])
    keys.at(-1)?.push(one.bytes)
  }
  return keys.length > MAX_KEYS ? [secret] : keys.map((parts) => joined(parts))
}

const MAX_PACKETS = 4_096
const MAX_KEYS = 32

async function readable(context: Context, bytes: Uint8Array, options: ImportOptions): Promise<Readable> {
  const { signal } = options
  const { certificates } = context
  const read = async (passphrase: Uint8Array | undefined): Promise<Readable> => {
    const [handle] = await certificates.importSecret(bytes, { passphrase, signal })
    if (handle === undefined) throw backend("the certificate reader found no key")
    // Written anew: in the one form that every gpg reads, also where the passphrase was applied in a newer way.
    const written = await certificates.secrets?.export(handle, { passphrase: passphrase ?? "none", signal })
    return { handle, bytes: written ?? new Uint8Array(bytes), passphrase: passphrase && new Uint8Array(passphrase) }
  }
  try {
    return await read(undefined)
  } catch (error) {
    if (!isAurochsError(error, "KEY_LOCKED") || options.passphrase === undefined) throw error
  }
  checkPassphrase(options.passphrase)
  return read(options.passphrase)
}

async function kept(
  context: Context,
  { handle, bytes, passphrase }: Readable,
  options: CallOptions,
): Promise<SecretKey> {
  const { signal } = options
  const { fingerprint: of } = handle.certificate
  const done = ({ status }: Answer) => status.some((line) => line.keyword === "IMPORT_OK" && line.args[1] === of)
  const imported = await context.keyring({ args: ["--import"], input: bytes, passphrase, signal }, done)
  if (lacksAgent(imported.status) || !done(imported)) throw backend("gpg did not take the key", imported.exitCode)
  const own = await ownKey(context, of, { signal })
  if (own === undefined) throw backend("gpg did not take the secret key", imported.exitCode)
  return context.handles.add({ ...own, passphrase })
}

/**
 * A key that the homedir has; undefined if it has none with this fingerprint.
 *
 * @throws {AurochsError} `BAD_DATA` (`fingerprint`), `BACKEND`, `ABORTED`
 */
export async function secretKey(
  context: Context,
  wanted: Fingerprint,
  options: CallOptions | undefined,
): Promise<SecretKey | undefined> {
  throwIfAborted(options)
  const own = await ownKey(context, fingerprint(wanted), options)
  return own && context.handles.add(own)
}
