import type { CallOptions, Clock } from "@aurochs/core"
import type { At, CryptoProvider, Limits } from "@aurochs/crypto"
import { unsupported } from "./errors.ts"
import type { Keyring } from "./keyring.ts"
import type { Program } from "./run.ts"

/** What every operation of one provider shares. */
export interface Context {
  readonly program: Program
  /** Reads certificates, judges signatures, changes keys. */
  readonly reader: CryptoProvider
  readonly keys: Keyring
  readonly clock: Clock
  readonly limits: Partial<Limits>
  /** Where the folders of single calls are made. */
  readonly folder: string
  readonly learned: Learned
}

/** What the program has shown that it can do. It is not doubted any more when a message does not open. */
export interface Learned {
  tellsSessionKeys: boolean
  /** Opens SEIPDv2 (RFC 9580 §5.13.2). */
  opensVersion2: boolean
}

/** Nothing yet. */
export function learned(): Learned {
  return { tellsSessionKeys: false, opensVersion2: false }
}

/** How far two clocks may be apart, in milliseconds: the tolerance that certificate readers have, too. */
const TOLERANCE_MS = 600_000

/** No program takes a moment to work at. Is the moment of this call the one that the program will have? */
export function isNow(context: Context, { now }: At): boolean {
  return now === undefined || Math.abs(now.getTime() - context.clock.now().getTime()) <= TOLERANCE_MS
}

/** @throws {AurochsError} `UNSUPPORTED` (`now`) for a moment that the program cannot be given */
export function requireNow(context: Context, options: At): void {
  if (!isNow(context, options)) throw unsupported("now", "a program has the machine's clock and can be given no other")
}

/** The options of a call that are passed on to the certificate reader. */
export function passedOn<T extends CallOptions & At>(options: T): CallOptions & At {
  return { signal: options.signal, now: options.now }
}
