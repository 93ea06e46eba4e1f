import type { CallOptions } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { backend } from "./errors.ts"
import { keysOf, type PublicKeyId } from "./key-ids.ts"

/** A secret key in memory. */
export interface Held {
  /** The certificate reader's handle on it. */
  readonly inner: SecretKey
  /** Transferable secret key, unlocked: what the program is given. */
  readonly secret: Uint8Array
  /** Of its certificate. */
  readonly keys: readonly PublicKeyId[]
}

/** The secret keys of one provider, known by their handles. */
export interface Keyring {
  /**
   * Takes over keys of the certificate reader. If one cannot be taken over, all are disposed.
   *
   * @throws what the reader's export throws
   */
  adopt(inner: readonly SecretKey[], options: CallOptions | undefined): Promise<SecretKey[]>
  /**
   * Runs `work` with the keys behind handles. They are not wiped while work is under way.
   *
   * @throws {AurochsError} `BACKEND` if one was disposed or is another provider's
   */
  use<T>(handles: readonly SecretKey[], work: (held: readonly Held[]) => Promise<T>): Promise<T>
}

interface Entry {
  readonly held: Held
  users: number
  disposed: boolean
}

/**
 * An empty keyring.
 *
 * @param name of the backend, for errors
 */
export function keyring(
  name: string,
  reader: CryptoProvider,
  transfer: NonNullable<CryptoProvider["secrets"]>,
): Keyring {
  const entries = new WeakMap<SecretKey, Entry>()
  const add = (held: Held): SecretKey => {
    const handle: SecretKey = {
      certificate: held.inner.certificate,
      async [Symbol.asyncDispose]() {
        const entry = entries.get(handle)
        if (entry === undefined) return
        entries.delete(handle)
        entry.disposed = true
        if (entry.users === 0) await forget(held)
      },
    }
    entries.set(handle, { held, users: 0, disposed: false })
    return handle
  }
  const entryOf = (handle: SecretKey): Entry => {
    const entry = entries.get(handle)
    if (entry === undefined) {
      throw backend(name, `the secret key was disposed, or is not of this provider (nor one of ${reader.name} itself)`)
    }
    return entry
  }
  return {
    async adopt(inner, options) {
      const taken: SecretKey[] = []
      try {
        for (const one of inner) {
          const secret = await transfer.export(one, { passphrase: "none", signal: options?.signal })
          taken.push(add({ inner: one, secret, keys: keysOf(one.certificate.bytes) }))
        }
        return taken
      } catch (error) {
        for (const one of [...taken, ...inner]) await one[Symbol.asyncDispose]()
        throw error
      }
    },
    async use(handles, work) {
      const used = handles.map(entryOf)
      for (const entry of used) entry.users++
      try {
        return await work(used.map((entry) => entry.held))
      } finally {
        for (const entry of used) {
          entry.users--
          if (entry.disposed && entry.users === 0) await forget(entry.held)
        }
      }
    },
  }
}

async function forget(held: Held): Promise<void> {
  held.secret.fill(0)
  await held.inner[Symbol.asyncDispose]()
}
