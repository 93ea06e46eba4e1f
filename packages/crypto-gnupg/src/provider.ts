import { resolve } from "node:path"
import { type Clock, systemClock } from "@aurochs/core"
import { type CryptoProvider, givenLimits, type Limits } from "@aurochs/crypto"
import { agentOf } from "./agent.ts"
import type { AskPassphrase, Certificates, Context } from "./context.ts"
import { configuration } from "./errors.ts"
import { generate } from "./generate.ts"
import { gpgOn } from "./gpg.ts"
import { handles } from "./handles.ts"
import { onKeyring } from "./keyring.ts"
import { leftovers } from "./leftovers.ts"
import { lifecycle } from "./lifecycle.ts"
import { open } from "./open.ts"
import { seal } from "./seal.ts"
import { importSecret, secretKey } from "./secrets.ts"
import { slots } from "./slots.ts"
import { toolsOf } from "./tools.ts"
import { transfer } from "./transfer.ts"

/** Options of {@link gnupg}. */
export interface GnupgOptions {
  /** GnuPG's folder for these keys; made (0700) if it is missing. There is no default: not `~/.gnupg` unless you say so. */
  readonly homedir: string
  /**
   * Who reads certificates and judges signatures, e.g. `openpgpjs()`. It has to have `openWithSessionKey`.
   */
  readonly certificates: CryptoProvider
  /** `gpg` by default. With a path its sister programs are taken from the same folder. */
  readonly program?: string | undefined
  /**
   * The passphrase of a protected key, or the PIN of a card, when gpg wants one: UTF-8 bytes without line breaks.
   * Undefined: it cannot be had. Without this option such a call fails with `KEY_LOCKED`.
   */
  readonly passphrase?: AskPassphrase | undefined
  /** Over `defaultLimits` of `@aurochs/crypto`, for what is opened. */
  readonly limits?: Partial<Limits> | undefined
  /** What `now` is where a call gives none; the machine's clock by default. */
  readonly clock?: Clock | undefined
  /** Processes of gpg at the same time; 4 by default. */
  readonly maxProcesses?: number | undefined
  /** Milliseconds after which one process of gpg is given up; 60,000 by default. */
  readonly timeoutMs?: number | undefined
}

/** A crypto provider that may have started a gpg-agent; disposing it stops that agent, and deletes no key. */
export type GnupgProvider = CryptoProvider & AsyncDisposable

/**
 * GnuPG as a crypto provider. Secret keys stay with its agent, in the homedir or on a card; gpg signs, encrypts, and
 * recovers session keys. Which certificates may be encrypted to, what a message says and whose signatures count is
 * decided by `certificates`, never by the homedir's keyring.
 *
 * @throws {AurochsError} `CONFIGURATION` (`homedir`, `certificates`, `maxProcesses`, `timeoutMs`, a limit that would bound nothing)
 */
export function gnupg(options: GnupgOptions): GnupgProvider {
  const { certificates, maxProcesses = 4, timeoutMs = 60_000 } = options
  if (typeof options.homedir !== "string" || options.homedir === "" || options.homedir.includes("\0")) {
    throw configuration("homedir", "a folder is needed")
  }
  if (!isWhole(maxProcesses)) throw configuration("maxProcesses", "at least one is needed")
  if (!isWhole(timeoutMs)) throw configuration("timeoutMs", "it is no number of milliseconds")
  if (!readsSessionKeys(certificates)) throw configuration("certificates", "it cannot open with a session key")
  const home = resolve(options.homedir)
  const tools = toolsOf(options.program ?? "gpg")
  const left = leftovers()
  const agent = agentOf(tools, home, timeoutMs, left)
  const gpg = gpgOn(tools, home, agent, slots(maxProcesses), timeoutMs, left)
  const context: Context = {
    gpg,
    keyring: onKeyring(gpg, slots(1)),
    home,
    left,
    hasCard: (serial, call) => agent.hasCard(serial, call),
    handles: handles(),
    certificates,
    clock: options.clock ?? systemClock(),
    limits: givenLimits(options.limits),
    askPassphrase: options.passphrase,
  }
  const secrets = transfer(context)
  return {
    name: "gnupg",
    verdicts: "full",
    inspect: (certificate, call) => certificates.inspect(certificate, call),
    minimize: (certificate, call) => certificates.minimize(certificate, call),
    merge: (a, b, call) => certificates.merge(a, b, call),
    secretKey: (fingerprint, call) => secretKey(context, fingerprint, call),
    importSecret: (secret, call) => importSecret(context, secret, call ?? {}),
    generate: (spec, call) => generate(context, spec, call),
    signcrypt: (plaintext, call) => seal(context, plaintext, call),
    encrypt: (plaintext, call) =>
      seal(context, plaintext, { now: call.now, signal: call.signal, recipients: call.recipients }),
    sign: (plaintext, call) =>
      seal(context, plaintext, { now: call.now, signal: call.signal, signWith: call.signWith }),
    open: (message, call) => open(context, message, call),
    openWithSessionKey: (message, call) => certificates.openWithSessionKey(message, call),
    ...(certificates.certifiedBy === undefined ? {} : { certifiedBy: certificates.certifiedBy.bind(certificates) }),
    lifecycle: lifecycle(context),
    ...(secrets === undefined ? {} : { secrets }),
    [Symbol.asyncDispose]: () => agent.stop(),
  }
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1
}

function readsSessionKeys(certificates: CryptoProvider): certificates is Certificates {
  return certificates?.openWithSessionKey !== undefined
}
