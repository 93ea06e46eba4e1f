import type { Certificate } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { backend } from "./errors.ts"
import type { OwnPart } from "./own-parts.ts"

/** A key in the homedir, as a handle knows it. The secret itself is with the agent. */
export interface Held {
  readonly certificate: Certificate
  readonly parts: readonly OwnPart[]
  /** Given when it was imported; wiped with the handle. */
  readonly passphrase?: Uint8Array | undefined
}

/** The keys of one provider, known by their handles. */
export interface Handles {
  add(held: Held): SecretKey
  /**
   * Runs `work` with the keys behind these handles. What is disposed meanwhile is wiped after it.
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

/** No keys yet. */
export function handles(): Handles {
  const entries = new WeakMap<SecretKey, Entry>()
  const tidy = (entry: Entry) => {
    if (entry.disposed && entry.users === 0) entry.held.passphrase?.fill(0)
  }
  return {
    add(held) {
      const entry: Entry = { held, users: 0, disposed: false }
      const handle: SecretKey = {
        certificate: held.certificate,
        async [Symbol.asyncDispose]() {
          entries.delete(handle)
          entry.disposed = true
          tidy(entry)
        },
      }
      entries.set(handle, entry)
      return handle
    },
    async use(wanted, work) {
      const used = wanted.map((handle) => {
        const entry = entries.get(handle)
        if (entry === undefined) throw backend("the secret key was disposed, or is not of this provider")
        return entry
      })
      for (const entry of used) entry.users++
      try {
        return await work(used.map((entry) => entry.held))
      } finally {
        for (const entry of used) {
          entry.users--
          tidy(entry)
        }
      }
    },
  }
}
