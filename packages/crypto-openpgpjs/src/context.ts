import { AurochsError, type CallOptions, type Clock, throwIfAborted } from "@aurochs/core"
import type { At, Limits } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { boundCertificate, boundCertificateSize } from "./bounds.ts"
import type { Cache } from "./cache.ts"
import { type Checked, checkKey } from "./checked.ts"
import { arithmeticOnly, engineConfig } from "./engine.ts"
import { badData, step } from "./errors.ts"

/** What every operation of one provider shares. */
export interface Context {
  readonly clock: Clock
  readonly limits: Limits
  readonly config: pgp.Config
  /** Certificates that were read and checked, by their bytes. */
  readonly certificates: Cache<Checked>
}

/** The context of one provider. */
export function makeContext(clock: Clock, limits: Limits, certificates: Cache<Checked>): Context {
  return { clock, limits, config: engineConfig(limits), certificates }
}

/** The configuration that verifies self-signatures: MD5 and RIPEMD-160 are refused (attack A20). */
export function checkingConfig(context: Context): pgp.Config {
  return { ...arithmeticOnly(context.config), rejectHashAlgorithms: context.config.rejectHashAlgorithms }
}

/**
 * The moment of a call.
 *
 * @throws {AurochsError} `CONFIGURATION` (`now`) if it is no date: every comparison with it would be false
 */
export function momentOf(context: Context, options: At | undefined): Date {
  const now = options?.now ?? context.clock.now()
  if (Number.isNaN(now.getTime())) throw new AurochsError("CONFIGURATION", "now is not a date", { field: "now" })
  return now
}

/**
 * Reads one certificate and verifies its self-signatures, once for the same bytes.
 *
 * @throws {AurochsError} `BAD_DATA`, `ABORTED`
 */
export async function readCertificate(
  context: Context,
  bytes: Uint8Array,
  options: CallOptions | undefined,
): Promise<Checked> {
  throwIfAborted(options)
  boundCertificateSize(bytes, context.limits)
  const checked = await context.certificates.get(bytes, (copy) => parse(context, copy))
  throwIfAborted(options)
  return checked
}

async function parse(context: Context, bytes: Uint8Array): Promise<Checked> {
  boundCertificate(bytes, context.limits)
  const unreadable = () => badData("certificate", "not an OpenPGP certificate that can be read")
  const key = await step(() => pgp.readKey({ binaryKey: bytes, config: context.config }), unreadable)
  if (key.isPrivate()) throw unreadable()
  return checkKey(key, checkingConfig(context))
}
