import type { CallOptions, Clock, Fingerprint } from "@aurochs/core"
import type { At, CryptoProvider, Limits } from "@aurochs/crypto"
import type { Agent } from "./agent.ts"
import { configuration } from "./errors.ts"
import type { Gpg } from "./gpg.ts"
import type { Handles } from "./handles.ts"
import type { OnKeyring } from "./keyring.ts"
import type { Leftovers } from "./leftovers.ts"

/** A provider of certificates that can do what is needed of it. */
export type Certificates = CryptoProvider & Required<Pick<CryptoProvider, "openWithSessionKey">>

/** Asks for the passphrase or PIN of a key; undefined: it cannot be had. */
export type AskPassphrase = (fingerprint: Fingerprint, options: CallOptions) => Promise<Uint8Array | undefined>

/** What every operation of one provider shares. */
export interface Context {
  /** On a keyring that the task names. */
  readonly gpg: Gpg
  /** On the homedir's own. */
  readonly keyring: OnKeyring
  /** Absolute path. */
  readonly home: string
  readonly hasCard: Agent["hasCard"]
  readonly left: Leftovers
  readonly handles: Handles
  readonly certificates: Certificates
  readonly clock: Clock
  readonly limits: Partial<Limits>
  readonly askPassphrase: AskPassphrase | undefined
}

/**
 * The moment of a call.
 *
 * @throws {AurochsError} `CONFIGURATION` (`now`) if it is no date
 */
export function momentOf(context: Context, options: At | undefined): Date {
  const now = options?.now ?? context.clock.now()
  if (Number.isNaN(now.getTime())) throw configuration("now", "now is not a date")
  return now
}
