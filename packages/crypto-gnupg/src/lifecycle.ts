import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, KeyLifecycle, SecretKey } from "@aurochs/crypto"
import { dearmor } from "@aurochs/crypto/armor"
import { joined } from "@aurochs/crypto/packets"
import { type Context, momentOf } from "./context.ts"
import { backend, badData, configuration, locked, noUsableKey } from "./errors.ts"
import { withFolder } from "./folder.ts"
import { secondsOf } from "./generate.ts"
import type { Answer, Task } from "./gpg.ts"
import type { Held } from "./handles.ts"
import { withSecret } from "./passphrase.ts"
import { ownerOf } from "./recipients.ts"
import { newestOwnSignature } from "./signed-at.ts"
import { argsOf } from "./status.ts"

/**
 * What a primary key does to its own certificate and to others. gpg works on a keyring of its own for each call, with
 * the certificates in question and no other one; what it changes of our own is then taken into the homedir.
 */
export function lifecycle(context: Context): KeyLifecycle {
  const on = <T>(key: SecretKey, work: (held: Held) => Promise<T>) =>
    context.handles.use([key], async ([held]) => {
      if (held === undefined) throw backend("there is no key")
      return work(held)
    })
  return {
    revoke: (key, options) => on(key, (held) => revoke(context, held, options ?? {})),
    renew: (key, options) => on(key, (held) => renew(context, held, options ?? {})),
    certify: (certificate, options) => on(options.signWith, (held) => certify(context, held, certificate, options)),
    adopt: (key, certificate, options) => on(key, (held) => adopt(context, held, certificate, options ?? {})),
  }
}

/** gpg's codes of RFC 9580 §5.2.3.31. */
const REASONS: Readonly<Record<string, string>> = { compromised: "1", superseded: "2", retired: "3" }
const WITHOUT_REASON = "0"
const MAX_REASON_BYTES = 1_024

type RevokeOptions = CallOptions & At & { readonly reason?: string | undefined }

async function revoke(context: Context, held: Held, options: RevokeOptions): Promise<Certificate> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const { signal } = options
  const { fingerprint, bytes } = held.certificate
  needsPrimary(held)
  const made = await withKeyring(context, held, bytes, { signal, now }, () => {
    return { args: ["--output", "-", "--gen-revoke", fingerprint], answer: revocationAnswers(options.reason) }
  })
  const revocation = dearmor(made.output, "PUBLIC KEY BLOCK")
  if (typeof revocation === "string") throw backend("gpg made no revocation", made.exitCode)
  const revoked = await context.certificates.merge(bytes, revocation, { signal })
  await takenIn(context, revoked.bytes, { signal })
  return revoked
}

/** @throws {AurochsError} `CONFIGURATION` (`reason`) */
function revocationAnswers(reason: string | undefined): (question: string) => string | undefined {
  const code = REASONS[reason ?? ""]
  if (Buffer.byteLength(reason ?? "") > MAX_REASON_BYTES) throw configuration("reason", "the reason is too long")
  const comment = code === undefined ? (reason ?? "").split(/\p{Cc}+/u).filter((line) => line.trim() !== "") : []
  const answers: Readonly<Record<string, () => string>> = {
    "gen_revoke.okay": () => "y",
    "ask_revocation_reason.code": () => code ?? WITHOUT_REASON,
    // Line by line; an empty one ends it.
    "ask_revocation_reason.text": () => comment.shift() ?? "",
    "ask_revocation_reason.okay": () => "y",
  }
  return (question) => answers[question]?.()
}

type RenewOptions = CallOptions & At & { readonly expiresInMs?: number | undefined }

async function renew(context: Context, held: Held, options: RenewOptions): Promise<SecretKey> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const { signal } = options
  const { fingerprint, bytes } = held.certificate
  const info = await context.certificates.inspect(bytes, { now, signal })
  if (info.revokedAt !== undefined) throw noUsableKey(fingerprint, "revoked", ownerOf(info))
  needsPrimary(held)
  const lasting = secondsOf(options.expiresInMs)
  // Later than what it replaces, also within the same second: gpg would wait for its clock, which stands still.
  const at = new Date(Math.max(now.getTime(), newestOwnSignature(bytes, fingerprint) + 1000))
  const ahead = Math.floor((at.getTime() - now.getTime()) / 1000)
  const expire = lasting === undefined ? "0" : `seconds=${Math.max(1, lasting - ahead)}`
  const subkeys = held.parts.slice(1).map((part) => part.fingerprint)
  const steps = subkeys.length === 0 ? [[]] : [[], subkeys]
  let changed = bytes
  for (const of of steps) {
    const certificate = changed
    const more = { signal, now: at }
    changed = await withChangedKeyring(context, held, certificate, more, [
      "--quick-set-expire",
      fingerprint,
      expire,
      ...of,
    ])
  }
  const renewed = await context.certificates.merge(bytes, changed, { signal })
  await takenIn(context, renewed.bytes, { signal })
  return context.handles.add({
    ...held,
    certificate: renewed,
    passphrase: held.passphrase && new Uint8Array(held.passphrase),
  })
}

type CertifyOptions = CallOptions & At & { readonly userId: string }

async function certify(
  context: Context,
  held: Held,
  certificate: Uint8Array,
  options: CertifyOptions,
): Promise<Certificate> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const { signal } = options
  const target = await context.certificates.inspect(certificate, { now, signal })
  if (target.fingerprint === held.certificate.fingerprint) throw badData("certificate", "a key does not certify itself")
  if (!target.userIds.some((one) => one.text === options.userId && one.status === "valid")) {
    throw badData("certificate", "it does not carry this User ID with a valid self-signature")
  }
  const own = await context.certificates.inspect(held.certificate.bytes, { now, signal })
  if (own.revokedAt !== undefined) throw noUsableKey(own.fingerprint, "revoked", ownerOf(own))
  if (own.expiresAt !== undefined && own.expiresAt <= now) throw noUsableKey(own.fingerprint, "expired", ownerOf(own))
  needsPrimary(held)
  const both = joined([held.certificate.bytes, certificate])
  // `=`: exactly this User ID.
  const args = ["--local-user", `${own.fingerprint}!`, "--default-cert-level=0", "--cert-digest-algo=SHA512"]
  const sign = [...args, "--quick-sign-key", target.fingerprint, `=${options.userId}`]
  const signed = await withChangedKeyring(context, held, both, { signal, now }, sign, target.fingerprint)
  return context.certificates.merge(certificate, signed, { signal })
}

async function adopt(
  context: Context,
  held: Held,
  certificate: Uint8Array,
  { signal }: CallOptions,
): Promise<SecretKey> {
  throwIfAborted({ signal })
  const adopted = await context.certificates.merge(held.certificate.bytes, certificate, { signal })
  await takenIn(context, adopted.bytes, { signal })
  return context.handles.add({
    ...held,
    certificate: adopted,
    passphrase: held.passphrase && new Uint8Array(held.passphrase),
  })
}

function needsPrimary(held: Held): void {
  const [primary] = held.parts
  if (primary === undefined || primary.secret === "missing") {
    throw noUsableKey(held.certificate.fingerprint, "no-secret-primary-key", undefined)
  }
}

type When = CallOptions & Required<At>

/** Runs gpg on a keyring that holds these certificates and nothing else. */
function withKeyring<T extends Pick<Task, "args" | "answer">>(
  context: Context,
  held: Held,
  certificates: Uint8Array,
  { signal, now }: When,
  task: (keyring: string) => T,
  after?: (keyring: string) => Promise<Answer>,
): Promise<Answer> {
  return withFolder(context.left, async (folder) => {
    const keyring = await folder.file("keys.gpg", certificates)
    const answer = await withSecret(context, held, held.parts[0], { signal }, (passphrase) =>
      // Made anew for each attempt: it may hold what was to be answered.
      context.gpg({ ...task(keyring), keyring, passphrase, now, signal }),
    )
    if (answer.exitCode !== 0 && signingFailed(answer)) throw locked(held.certificate.fingerprint)
    if (answer.exitCode !== 0) throw backend("gpg could not sign", answer.exitCode)
    return after === undefined ? answer : after(keyring)
  })
}

/** gpg does not say why it could not sign a revocation: only that it had all its answers. */
function signingFailed({ status }: Answer): boolean {
  return status.some((line) => line.keyword === "GOT_IT") && argsOf(status, "ERROR") === undefined
}

/** The same for a command that changes a certificate; answers with the changed one. */
async function withChangedKeyring(
  context: Context,
  held: Held,
  certificates: Uint8Array,
  when: When,
  args: readonly string[],
  changed: string = held.certificate.fingerprint,
): Promise<Uint8Array> {
  const { signal } = when
  const task = () => ({ args: ["--yes", ...args] })
  const { exitCode, output } = await withKeyring(context, held, certificates, when, task, (keyring) =>
    context.gpg({ args: ["--export", "--", changed], keyring, signal }),
  )
  if (exitCode !== 0 || output.length === 0) throw backend("gpg did not export the changed certificate", exitCode)
  return output
}

/** What is new of our own certificate has to be there after a restart, too. */
async function takenIn(context: Context, certificate: Uint8Array, { signal }: CallOptions): Promise<void> {
  const done = ({ status }: Answer) => status.some((line) => line.keyword === "IMPORT_OK")
  const answer = await context.keyring({ args: ["--import"], input: certificate, signal }, done)
  if (!done(answer)) throw backend("gpg did not take the changed certificate", answer.exitCode)
}
