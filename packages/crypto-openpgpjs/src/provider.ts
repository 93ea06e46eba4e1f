import { type Clock, systemClock, throwIfAborted } from "@aurochs/core"
import { type CryptoProvider, defaultLimits, givenLimits, type Limits } from "@aurochs/crypto"
import { cache } from "./cache.ts"
import { certifiedBy } from "./certifications.ts"
import { makeContext, momentOf, readCertificate } from "./context.ts"
import { merge, minimize } from "./edit.ts"
import { keyFacts } from "./facts.ts"
import { generate } from "./generate.ts"
import { describe } from "./inspect.ts"
import { lifecycle } from "./lifecycle.ts"
import { open, openWithSessionKey } from "./open.ts"
import { seal } from "./seal.ts"
import { importSecret, keyring } from "./secrets.ts"
import { transfer } from "./transfer.ts"

/** Options of {@link openpgpjs}. */
export interface OpenpgpjsOptions {
  /** What `now` is where a call gives none; the machine's clock by default. */
  readonly clock?: Clock | undefined
  /** Over `defaultLimits` of `@aurochs/crypto`. */
  readonly limits?: Partial<Limits> | undefined
  /** How many certificates are remembered in their parsed and verified form; 256 by default. */
  readonly cacheEntries?: number | undefined
}

/**
 * OpenPGP.js as a crypto provider, for Node and browsers. It holds no keys of its own: `secretKey` always answers
 * undefined.
 *
 * @throws {AurochsError} `CONFIGURATION` for a limit that would bound nothing
 */
export function openpgpjs(options: OpenpgpjsOptions = {}): CryptoProvider {
  const limits = { ...defaultLimits, ...givenLimits(options.limits) }
  const certificates = cache<Awaited<ReturnType<typeof readCertificate>>>(Math.max(1, options.cacheEntries ?? 256))
  const context = makeContext(options.clock ?? systemClock(), limits, certificates)
  const keys = keyring()
  return {
    name: "openpgpjs",
    verdicts: "full",
    async inspect(certificate, call) {
      const now = momentOf(context, call)
      return describe(await readCertificate(context, certificate, call), certificate, now, context.config)
    },
    minimize: (certificate, call) => minimize(context, certificate, call),
    merge: (a, b, call) => merge(context, a, b, call),
    async secretKey(_fingerprint, call) {
      throwIfAborted(call)
      return undefined
    },
    importSecret: (secret, call) => importSecret(context, keys, secret, call),
    generate: (spec, call) => generate(context, keys, spec, call),
    signcrypt: (plaintext, call) => seal(context, keys, plaintext, call),
    encrypt: (plaintext, call) =>
      seal(context, keys, plaintext, { now: call.now, signal: call.signal, recipients: call.recipients }),
    sign: (plaintext, call) =>
      seal(context, keys, plaintext, { now: call.now, signal: call.signal, signWith: call.signWith }),
    open: (message, call) => open(context, keys, message, call),
    certifiedBy: (certificate, call) => certifiedBy(context, certificate, call),
    openWithSessionKey: (message, call) => openWithSessionKey(context, message, call),
    keyFacts: keyFacts(context, keys),
    lifecycle: lifecycle(context, keys),
    secrets: transfer(context, keys),
  }
}
