import { type Clock, systemClock, throwIfAborted } from "@aurochs/core"
import { type CryptoProvider, givenLimits, type Limits } from "@aurochs/crypto"
import { type Context, learned } from "./context.ts"
import { keyring } from "./keyring.ts"
import { generate, importSecret, lifecycleOf, transferOf } from "./keys.ts"
import { open } from "./open.ts"
import { configuration, folderOf, programOf, type SopProgram } from "./program.ts"
import { seal } from "./seal.ts"
import { bySessionKey } from "./session-key.ts"
import { sign } from "./sign.ts"
import { byProgram } from "./verifications.ts"

/** Options of {@link sop}. */
export interface SopOptions extends SopProgram {
  /**
   * Reads certificates, says which keys may be used, judges signatures and keeps keys in order: a provider with
   * `verdicts: "full"` and with `secrets`, e.g. `openpgpjs()`. The program encrypts, signs and decrypts.
   */
  readonly certificates: CryptoProvider
  /**
   * Does the program tell session keys (`decrypt --session-key-out`)? True by default. With false, `verdicts` is
   * `valid-only`. `sopAvailable` finds out.
   */
  readonly sessionKeys?: boolean | undefined
  /** How many runs of the program there are at a time; 4 by default. */
  readonly maxProcesses?: number | undefined
  /** Over `defaultLimits` of `@aurochs/crypto`; the certificate reader holds to its own where none is given here. */
  readonly limits?: Partial<Limits> | undefined
  /** What the program's clock is held to be: the machine's by default, and of use in tests only. */
  readonly clock?: Clock | undefined
}

/**
 * A Stateless OpenPGP program (draft-dkg-openpgp-stateless-cli) as a crypto provider.
 *
 * It holds no keys of its own: `secretKey` always answers undefined. Secret keys are in memory and, for as long as one
 * call of the program takes, in a folder that only this user can enter.
 *
 * @throws {AurochsError} `CONFIGURATION` (`program`, `certificates`, `maxProcesses`, `timeoutMs`, a limit that would bound nothing)
 */
export function sop(options: SopOptions): CryptoProvider {
  const reader = options.certificates
  const { secrets, lifecycle } = reader
  if (secrets === undefined) throw configuration("certificates", `${reader.name} does not give secret keys away`)
  const program = programOf(options, options.maxProcesses ?? 4)
  const keys = keyring(program.name, reader, secrets)
  const clock = options.clock ?? systemClock()
  const limits = givenLimits(options.limits)
  const context: Context = { program, reader, keys, clock, limits, folder: folderOf(options), learned: learned() }
  const withSessionKey = reader.openWithSessionKey?.bind(reader)
  const certifiedBy = reader.certifiedBy?.bind(reader)
  const full = withSessionKey !== undefined && options.sessionKeys !== false
  const attempt = full ? bySessionKey(withSessionKey) : byProgram
  return {
    name: program.name,
    verdicts: full ? "full" : "valid-only",
    inspect: (certificate, call) => reader.inspect(certificate, call),
    minimize: (certificate, call) => reader.minimize(certificate, call),
    merge: (a, b, call) => reader.merge(a, b, call),
    async secretKey(_fingerprint, call) {
      throwIfAborted(call)
      return undefined
    },
    importSecret: (secret, call) => importSecret(context, secret, call),
    generate: (spec, call) => generate(context, spec, call),
    signcrypt: (plaintext, call) => seal(context, plaintext, call),
    encrypt: (plaintext, { now, signal, recipients }) => seal(context, plaintext, { now, signal, recipients }),
    sign: (plaintext, call) => sign(context, plaintext, call),
    open: (message, call) => open(context, message, call, attempt),
    ...(withSessionKey && { openWithSessionKey: withSessionKey }),
    ...(certifiedBy && { certifiedBy }),
    lifecycle: lifecycle && lifecycleOf(context, lifecycle),
    secrets: transferOf(context, secrets),
  }
}
