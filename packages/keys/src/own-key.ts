import { AurochsError, type Fingerprint, type KnownKey } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { noUsableKey } from "./choose.ts"
import type { OwnKeyAction } from "./own-key-decision.ts"
import { type CheckOptions, type ListCheck, settleOwnList } from "./own-list.ts"
import {
  createSecret,
  disposeAll,
  loadSecrets,
  type OwnSecretsOptions,
  type Passphrase,
  unusableBecause,
} from "./own-secrets.ts"

/** What {@link prepareOwnKey} needs. */
export interface OwnKeyOptions extends OwnSecretsOptions, Omit<CheckOptions, "held"> {
  /** Does the storage outlive the process? `Storage.durable` */
  readonly durable: boolean
  /** May a key be made for an account that has none? `create` by default. */
  readonly ownKey?: "create" | "require" | undefined
}

/** One's own keys, ready for use. Disposing it forgets the handles. */
export interface OwnKey extends AsyncDisposable {
  /** Every secret key that is here, old ones too: for decryption. */
  readonly keys: readonly SecretKey[]
  /** Signs, and is encrypted to. */
  readonly current: SecretKey
  /** In the account's own list, and not ours: quarantined, never encrypted to (R4, R47). */
  readonly foreign: readonly Fingerprint[]
  /** What was done. */
  readonly done: "started" | "announced" | "reannounced" | "created" | "postponed"
  /** `postponed`: the key was merged back too often lately (attack A33); call {@link checkOwnKey} then. */
  readonly retryAt?: Date | undefined
}

/**
 * One's own key at the start: loads the secret keys, compares them with the account's own list and does what
 * {@link ownKeyAtStart} decides. A new key is saved before it is announced.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` or `CONFIGURATION` with a message that says what to do; `KEY_LOCKED`,
 * `CANNOT_DECRYPT` (`bad-passphrase`); what the directory throws if it could not be asked
 */
export async function prepareOwnKey(o: OwnKeyOptions): Promise<OwnKey> {
  const passphrase = (await o.passphrase?.()) ?? "none"
  const first = await attempt(o, passphrase, false)
  if (first !== "create") return first
  const made = await createSecret(o, passphrase)
  await o.audit?.append(
    { at: o.clock.now(), account: o.account, kind: "own-key-created", subject: o.account, fingerprint: made },
    { signal: o.signal },
  )
  const second = await attempt(o, passphrase, true)
  if (second !== "create") return { ...second, done: "created" }
  const text = "the new key was saved, and the storage does not give it back"
  throw new AurochsError("STORAGE", text, { operation: "secrets.load" })
}

async function attempt(o: OwnKeyOptions, passphrase: Passphrase, isCreated: boolean): Promise<OwnKey | "create"> {
  const keys = await loadSecrets(o, passphrase)
  try {
    const usable = await usableOf(keys, o)
    // Two processes may both have made one: both go on with the older.
    const held = isCreated ? usable.slice(0, 1) : usable
    const check = await settleOwnList({ ...o, held, all: keys })
    if (check.action.action === "create") {
      await disposeAll(keys)
      return "create"
    }
    return ownKeyOf(keys, check, o)
  } catch (error) {
    await disposeAll(keys)
    throw error
  }
}

function ownKeyOf(keys: readonly SecretKey[], check: ListCheck, o: OwnKeyOptions): OwnKey {
  const { action } = check
  if (action.action === "refuse") throw refusal(action, check, o)
  const print = action.action === "create" ? undefined : action.fingerprint
  const current = keys.find((key) => key.certificate.fingerprint === print)
  if (current === undefined) throw noUsableKey(o.account, [])
  return {
    keys,
    current,
    foreign: check.foreign,
    done: doneBy(action, check),
    retryAt: check.retryAt,
    [Symbol.asyncDispose]: () => disposeAll(keys),
  }
}

function doneBy(action: OwnKeyAction, check: ListCheck): OwnKey["done"] {
  if (check.retryAt !== undefined) return "postponed"
  if (action.action === "announce") return "announced"
  return action.action === "reannounce" ? "reannounced" : "started"
}

function refusal(
  action: Extract<OwnKeyAction, { action: "refuse" }>,
  check: ListCheck,
  { account }: OwnKeyOptions,
): AurochsError {
  const message = `${account}: ${action.message}`
  if (action.code === "CONFIGURATION") return new AurochsError("CONFIGURATION", message, { field: action.field })
  const leftOut = [
    ...check.foreign.map((fingerprint) => ({ fingerprint, because: "secret-not-here" })),
    ...check.notListed.map((fingerprint) => ({ fingerprint, because: "not-announced" })),
  ]
  return new AurochsError("NO_USABLE_KEY", message, { owner: account, leftOut })
}

/**
 * The own keys that are here, without a look at the account's list: enough to seal what is queued.
 *
 * @returns handles, which the caller disposes; `current`: the newest that may be in use
 * @throws {AurochsError} `KEY_LOCKED`, `CANNOT_DECRYPT` (`bad-passphrase`), `BAD_DATA`, `STORAGE`
 */
export async function loadOwnKeys(
  o: OwnSecretsOptions,
): Promise<{ readonly keys: readonly SecretKey[]; readonly current: SecretKey | undefined }> {
  const keys = await loadSecrets(o, (await o.passphrase?.()) ?? "none")
  const now = o.clock.now()
  let current: SecretKey | undefined
  for (const key of keys) {
    const info = await o.provider.inspect(key.certificate.bytes, { now, signal: o.signal })
    if (unusableBecause(info, o.account, now) === undefined) current = key
  }
  return { keys, current }
}

/** The keys that may be in use. If there are keys and none may, that is the one thing to tell. */
async function usableOf(keys: readonly SecretKey[], o: OwnKeyOptions): Promise<SecretKey[]> {
  const now = o.clock.now()
  const usable: SecretKey[] = []
  const leftOut: { fingerprint: Fingerprint; because: string }[] = []
  for (const key of keys) {
    const info = await o.provider.inspect(key.certificate.bytes, { now, signal: o.signal })
    const because = unusableBecause(info, o.account, now)
    if (because === undefined) usable.push(key)
    else leftOut.push({ fingerprint: info.fingerprint, because })
  }
  if (usable.length > 0 || keys.length === 0) return usable
  const why = leftOut.map((key) => `${key.fingerprint}: ${key.because}`).join(", ")
  throw new AurochsError(
    "NO_USABLE_KEY",
    `${o.account}: the key that is here cannot be used (${why}). ` +
      "Make another one: aurochs key generate, or bring one: aurochs key import",
    { owner: o.account, leftOut },
  )
}

/**
 * One's own keys as known keys: the senders of one's own messages that come back as carbons or from the archive. To be
 * judged with `pinned`.
 *
 * @param since `firstSeen`
 */
export function ownKnownKeys(own: Pick<OwnKey, "keys">, account: KnownKey["owner"], since: Date): KnownKey[] {
  return own.keys.map(({ certificate: { fingerprint, bytes } }) => ({
    owner: account,
    fingerprint,
    bytes,
    firstSeen: since,
    source: "own",
    binds: "account",
    announced: true,
    approval: "verified",
  }))
}
