import { type CallOptions, isAurochsError, throwIfAborted } from "@aurochs/core"
import type { SecretTransfer } from "@aurochs/crypto"
import type { Context } from "./context.ts"
import { backend, locked, unsupported } from "./errors.ts"
import type { Held } from "./handles.ts"
import { askFor, withSecret } from "./passphrase.ts"

/**
 * How secret keys leave the homedir (XEP-0373 §5.4): gpg gives the key out as it is protected, the certificate reader
 * writes it with the passphrase that was asked for. Backups under a password need no key of the homedir: they are the
 * certificate reader's work.
 *
 * @returns undefined if the certificate reader does not write secret keys
 */
export function transfer(context: Context): SecretTransfer | undefined {
  const { secrets } = context.certificates
  if (secrets === undefined) return undefined
  return {
    export: (key, options) =>
      context.handles.use([key], async ([held]) => {
        if (held === undefined) throw backend("there is no key")
        return exportKey(context, secrets, held, options)
      }),
    encryptWithPassword: (plaintext, options) => secrets.encryptWithPassword(plaintext, options),
    decryptWithPassword: (message, options) => secrets.decryptWithPassword(message, options),
  }
}

async function exportKey(
  context: Context,
  secrets: SecretTransfer,
  held: Held,
  options: CallOptions & { readonly passphrase: Uint8Array | "none" },
): Promise<Uint8Array> {
  throwIfAborted(options)
  const { signal } = options
  const { fingerprint } = held.certificate
  if (held.parts.some((part) => part.secret === "card")) throw unsupported("exporting a key that is on a card")
  const answer = await withSecret(context, held, undefined, { signal }, (passphrase) =>
    context.keyring(
      { args: ["--export-secret-keys", "--", fingerprint], passphrase, signal },
      ({ output }) => output.length > 0,
    ),
  )
  const { output, exitCode } = answer
  try {
    if (exitCode !== 0 || output.length === 0) throw backend("gpg did not export the secret key", exitCode)
    const key = await readAgain(context, held, output, { signal })
    try {
      return await secrets.export(key, options)
    } finally {
      await key[Symbol.asyncDispose]()
    }
  } finally {
    output.fill(0)
  }
}

/** gpg may have known the passphrase from before; whoever reads the key has to be told. */
async function readAgain(context: Context, held: Held, bytes: Uint8Array, { signal }: CallOptions) {
  const read = async (passphrase: Uint8Array | undefined) => {
    const [key] = await context.certificates.importSecret(bytes, { passphrase, signal })
    if (key === undefined) throw backend("the certificate reader found no key")
    return key
  }
  try {
    return await read(undefined)
  } catch (error) {
    if (!isAurochsError(error, "KEY_LOCKED")) throw error
  }
  const passphrase = held.passphrase ?? (await askFor(context, held, undefined, { signal }))
  if (passphrase === undefined) throw locked(held.certificate.fingerprint)
  return read(passphrase)
}
