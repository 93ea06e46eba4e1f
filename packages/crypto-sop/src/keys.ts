import { type CallOptions, isAurochsError } from "@aurochs/core"
import type { At, CryptoProvider, Generated, KeyLifecycle, KeySpec, SecretKey, SecretTransfer } from "@aurochs/crypto"
import type { Context } from "./context.ts"
import { backend, unsupported } from "./errors.ts"
import { seal } from "./seal.ts"

/**
 * Makes a key with the certificate reader: programs take neither an expiry nor a moment, and what they make differs (some
 * keys expire after three years, some sign with a subkey). A version 6 key is tried with the program, which may not know
 * any.
 *
 * @throws {AurochsError} as the reader's `generate`; `UNSUPPORTED` for a version that the program does not use
 */
export async function generate(
  context: Context,
  spec: KeySpec,
  options: (CallOptions & At) | undefined,
): Promise<Generated> {
  const { key: inner, revocation } = await context.reader.generate(spec, options)
  const key = first(context, await context.keys.adopt([inner], options))
  if (spec.version !== 6) return { key, revocation }
  try {
    await seal(context, new Uint8Array(1), { signal: options?.signal, recipients: [key.certificate], signWith: key })
    return { key, revocation }
  } catch (error) {
    await key[Symbol.asyncDispose]()
    if (isAurochsError(error, "ABORTED")) throw error
    throw unsupported("v6 keys", `${context.program.name} does not use keys of version 6`)
  }
}

/**
 * Reads and unlocks secret keys with the certificate reader, which is shown a copy of the caller's bytes.
 *
 * @throws {AurochsError} as the reader's `importSecret`
 */
export async function importSecret(
  context: Context,
  secret: Uint8Array,
  options: Parameters<CryptoProvider["importSecret"]>[1],
): Promise<SecretKey[]> {
  const copy = new Uint8Array(secret)
  try {
    return await context.keys.adopt(await context.reader.importSecret(copy, options), options)
  } finally {
    copy.fill(0)
  }
}

/** Changes to keys are the certificate reader's. */
export function lifecycleOf(context: Context, lifecycle: KeyLifecycle): KeyLifecycle {
  const adopt = lifecycle.adopt?.bind(lifecycle)
  const adopted = async (inner: SecretKey, options: CallOptions | undefined) =>
    first(context, await context.keys.adopt([inner], options))
  return {
    revoke: (key, options) => withInner(context, key, (inner) => lifecycle.revoke(inner, options)),
    renew: (key, options) =>
      withInner(context, key, async (inner) => adopted(await lifecycle.renew(inner, options), options)),
    certify: (certificate, options) =>
      withInner(context, options.signWith, (signWith) => lifecycle.certify(certificate, { ...options, signWith })),
    ...(adopt && {
      adopt: (key: SecretKey, certificate: Uint8Array, options?: CallOptions) =>
        withInner(context, key, async (inner) => adopted(await adopt(inner, certificate, options), options)),
    }),
  }
}

/** So is how they leave, and what a password opens. */
export function transferOf(context: Context, transfer: SecretTransfer): SecretTransfer {
  return {
    export: (key, options) => withInner(context, key, (inner) => transfer.export(inner, options)),
    encryptWithPassword: (plaintext, options) => transfer.encryptWithPassword(plaintext, options),
    decryptWithPassword: (message, options) => transfer.decryptWithPassword(message, options),
  }
}

function withInner<T>(context: Context, key: SecretKey, work: (inner: SecretKey) => Promise<T>): Promise<T> {
  return context.keys.use([key], (held) => work(first(context, held).inner))
}

function first<T>(context: Context, items: readonly T[]): T {
  const [item] = items
  if (item === undefined) throw backend(context.program.name, "no key")
  return item
}
