import { AurochsError, type Certificate, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo, KeyLifecycle, SecretKey, SecretTransfer } from "@aurochs/crypto"
import type { AuditLog } from "@aurochs/storage"
import { rememberAnnounced } from "../announced.ts"
import type { KeyDirectory } from "../directory.ts"
import { disposeAll, loadSecrets, type OwnSecretsOptions, type Passphrase, unusableBecause } from "../own-secrets.ts"
import { announcedForm } from "./announced-form.ts"
import { rememberSent } from "./sent.ts"

/** What changing one's own key needs. */
export interface LifeOptions extends OwnSecretsOptions {
  /** Where the account itself announces its keys; has to be able to publish. */
  readonly directory: KeyDirectory
  /** Other sources that the operator has opted in to; what is sent there can never be taken back. */
  readonly alsoTo?: readonly KeyDirectory[] | undefined
  readonly audit?: AuditLog | undefined
}

/** What became of the certificate at one source. */
export interface Published {
  readonly source: string
  /** Undefined: it is there. Else the error's code. */
  readonly failed?: string | undefined
}

/** One's own secret keys with what their certificates say now. */
export interface OwnSecret {
  readonly key: SecretKey
  readonly info: CertificateInfo
  /** Why it cannot be the key in use; undefined if it can. */
  readonly unusable?: string | undefined
}

/**
 * Loads every own key, oldest first, and runs `work` with them; the handles are forgotten afterwards.
 *
 * @throws {AurochsError} as `loadSecrets` and `work`
 */
export async function withSecrets<T>(
  o: OwnSecretsOptions,
  work: (own: readonly OwnSecret[], passphrase: Passphrase) => Promise<T>,
): Promise<T> {
  const passphrase = (await o.passphrase?.()) ?? "none"
  const keys = await loadSecrets(o, passphrase)
  try {
    const now = o.clock.now()
    const own: OwnSecret[] = []
    for (const key of keys) {
      const info = await o.provider.inspect(key.certificate.bytes, { now, signal: o.signal })
      own.push({ key, info, unusable: unusableBecause(info, o.account, now) })
    }
    return await work(own, passphrase)
  } finally {
    await disposeAll(keys)
  }
}

/**
 * The own key with this fingerprint.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` if its secret is not here
 */
export function secretWith(own: readonly OwnSecret[], fingerprint: Fingerprint, o: OwnSecretsOptions): OwnSecret {
  const found = own.find((one) => one.info.fingerprint === fingerprint)
  if (found !== undefined) return found
  const leftOut = [{ fingerprint, because: "secret-not-here" }]
  throw new AurochsError("NO_USABLE_KEY", `the secret key ${fingerprint} is not here`, { owner: o.account, leftOut })
}

/** @throws {AurochsError} `UNSUPPORTED` */
export function lifecycleOf({ provider }: OwnSecretsOptions): KeyLifecycle {
  if (provider.lifecycle !== undefined) return provider.lifecycle
  const text = `${provider.name} does not change keys: use its own tools`
  throw new AurochsError("UNSUPPORTED", text, { feature: "key lifecycle" })
}

/** @throws {AurochsError} `UNSUPPORTED` */
export function transferOf({ provider }: OwnSecretsOptions): SecretTransfer {
  if (provider.secrets !== undefined) return provider.secrets
  const text = `${provider.name} does not give secret keys away`
  throw new AurochsError("UNSUPPORTED", text, { feature: "secret key export" })
}

/** The secret key with what `certificate` says on it, saved as the newest copy. */
export async function saveWith(
  o: LifeOptions,
  key: SecretKey,
  certificate: Certificate,
  passphrase: Passphrase,
): Promise<Certificate> {
  const { adopt } = lifecycleOf(o)
  if (adopt === undefined) return certificate
  const adopted = await adopt(key, certificate.bytes, { signal: o.signal })
  try {
    await saveSecret(o, adopted, passphrase)
    return adopted.certificate
  } finally {
    await adopted[Symbol.asyncDispose]()
  }
}

/** Adds a copy to the secret store. Of several copies of one key the newest counts. */
export async function saveSecret(o: LifeOptions, key: SecretKey, passphrase: Passphrase): Promise<void> {
  const bytes = await transferOf(o).export(key, { passphrase, signal: o.signal })
  await o.secrets.save(o.account, bytes, { signal: o.signal })
}

/**
 * Publishes to the account's own list and to every source that was opted in. A failure of the first is thrown, of the
 * others told.
 */
export async function publishEverywhere(
  o: LifeOptions,
  certificate: Certificate,
  own: readonly Certificate[],
): Promise<readonly Published[]> {
  if (o.directory.publish === undefined) {
    throw new AurochsError("UNSUPPORTED", `${o.directory.name} cannot publish keys`, { feature: "publish" })
  }
  const info = await announcedForm(o, certificate, own)
  await o.directory.publish(info, { signal: o.signal })
  await rememberAnnounced({ ...o, fingerprint: info.fingerprint })
  const published: Published[] = [{ source: o.directory.name }]
  for (const other of o.alsoTo ?? []) published.push(await tryPublish(other, info, o))
  return published
}

/** Sends it to a source that was opted in, and remembers that it has it. */
export async function tryPublish(to: KeyDirectory, info: CertificateInfo, o: LifeOptions): Promise<Published> {
  const { signal } = o
  try {
    if (to.publish === undefined) return { source: to.name, failed: "UNSUPPORTED" }
    await to.publish(info, { signal })
    await rememberSent(o, to, info)
    return { source: to.name }
  } catch (error) {
    if (!isAurochsError(error) || error.code === "ABORTED") throw error
    return { source: to.name, failed: error.code }
  }
}

/** A line in the audit log. */
export async function note(
  o: LifeOptions,
  kind: string,
  fingerprint: Fingerprint,
  detail?: Readonly<Record<string, string>>,
): Promise<void> {
  const base = { at: o.clock.now(), account: o.account, kind, subject: o.account, fingerprint }
  await o.audit?.append(detail === undefined ? base : { ...base, detail }, { signal: o.signal })
}
