import { AurochsError, type BareJid, type CallOptions, type Clock, type Fingerprint } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import type { AuditLog, StateStore } from "@aurochs/storage"
import { announcedBefore, reannouncements, rememberAnnounced, rememberReannouncement } from "./announced.ts"
import type { KeyDirectory } from "./directory.ts"
import { changeState, strings } from "./json-state.ts"
import { announcedForm } from "./life/announced-form.ts"
import { type OwnKeyAction, ownKeyAtStart } from "./own-key-decision.ts"
import { announcedIn, readDirectory } from "./reading.ts"
import { lookupDelayMs } from "./retry.ts"

/** Keys of others that are written to the audit log after one look, and remembered as written. */
const MAX_AUDITED_FOREIGN = 32
const MAX_REMEMBERED_FOREIGN = 256

/** What a look at one's own list needs. */
export interface CheckOptions extends CallOptions {
  readonly account: BareJid
  /** Has to be able to publish. */
  readonly directory: KeyDirectory
  readonly provider: CryptoProvider
  readonly state: StateStore
  readonly audit?: AuditLog | undefined
  readonly clock: Clock
  /** Usable own keys whose secret is here, oldest first. */
  readonly held: readonly SecretKey[]
  /** Every own key whose secret is here, those out of use too: none of them is foreign. `held` by default. */
  readonly all?: readonly SecretKey[] | undefined
}

/** What a look at one's own list found. */
export interface ListCheck {
  readonly action: OwnKeyAction
  readonly foreign: readonly Fingerprint[]
  readonly notListed: readonly Fingerprint[]
  readonly retryAt?: Date | undefined
}

/** Reads the list, decides, and publishes where that is the decision. Refusing and creating are left to the caller. */
export async function settleOwnList(
  o: CheckOptions & {
    readonly durable?: boolean | undefined
    readonly ownKey?: "create" | "require" | undefined
  },
): Promise<ListCheck> {
  const reading = await readDirectory({ ...o, owner: o.account, now: o.clock.now() })
  const missing = [...reading.gaps.keys()]
  const listed = [...announcedIn(reading), ...missing]
  const held = o.held.map((key) => key.certificate.fingerprint)
  const ours = new Set([...(o.all ?? o.held), ...o.held].map((key) => key.certificate.fingerprint))
  const foreign = listed.filter((one) => !ours.has(one))
  const notListed = held.filter((one) => !listed.includes(one))
  for (const one of await newForeign(o, foreign)) await audit(o, "own-list-foreign-key", one)
  const action = ownKeyAtStart({
    held,
    listed,
    missing,
    announcedBefore: await announcedBefore(o),
    ownKey: o.ownKey ?? "create",
    durable: o.durable ?? false,
  })
  const found = { action, foreign, notListed }
  if (action.action === "start") await rememberAnnounced({ ...o, fingerprint: action.fingerprint })
  if (action.action === "announce") await announceKey(o, action.fingerprint, "own-key-announced")
  if (action.action !== "reannounce") return found
  const retryAt = await postponedUntil(o)
  if (retryAt !== undefined) return { ...found, retryAt }
  await rememberReannouncement({ ...o, now: o.clock.now() })
  await announceKey(o, action.fingerprint, "own-key-reannounced")
  return found
}

/** The outcome of {@link checkOwnKey}. */
export interface OwnKeyCheck {
  /**
   * `retracted`: it was taken out of the list on purpose (`forgetAnnounced`), so it is not merged back. `postponed`: it
   * was merged back too often lately, look again at `retryAt`.
   */
  readonly kind: "listed" | "reannounced" | "postponed" | "retracted"
  /** In the account's own list, and not ours. */
  readonly foreign: readonly Fingerprint[]
  readonly retryAt?: Date | undefined
}

/**
 * Looks after one's own key when the list has changed (XEP-0373 §6.3, requirements R47, R48): a key that disappeared is
 * merged back, at once the first time, then after 1, 2, 4 … minutes, at most 1 hour, until a day was quiet.
 *
 * @throws {AurochsError} what the directory throws if it could not be asked
 */
export async function checkOwnKey(o: CheckOptions): Promise<OwnKeyCheck> {
  const known = await announcedBefore(o)
  const held = o.held.filter((key) => known.includes(key.certificate.fingerprint))
  if (held.length === 0) return { kind: "retracted", foreign: [] }
  const { action, foreign, retryAt } = await settleOwnList({ ...o, held, all: o.all ?? o.held })
  if (retryAt !== undefined) return { kind: "postponed", foreign, retryAt }
  return { kind: action.action === "start" ? "listed" : "reannounced", foreign }
}

/**
 * Announces one's own certificate in its smallest form (R49) and remembers that it was announced from here.
 *
 * @param o.own one's other keys: where one of them vouches for this one, that is announced with it
 * @throws {AurochsError} `UNSUPPORTED` (the directory cannot publish), and what `publish` throws
 */
export async function announceOwnKey(
  o: Omit<CheckOptions, "held"> & {
    readonly key: Pick<SecretKey, "certificate">
    readonly own?: readonly Pick<SecretKey, "certificate">[] | undefined
  },
): Promise<void> {
  const { directory, signal } = o
  if (directory.publish === undefined) {
    throw new AurochsError("UNSUPPORTED", `${directory.name} cannot publish keys`, { feature: "publish" })
  }
  const own = (o.own ?? []).map((key) => key.certificate)
  const info = await announcedForm(o, o.key.certificate, own)
  await directory.publish(info, { signal })
  await rememberAnnounced({ ...o, fingerprint: info.fingerprint })
}

/** Those that were not found in the list before: each is written down once, however often it is seen. */
async function newForeign(o: CheckOptions, foreign: readonly Fingerprint[]): Promise<readonly Fingerprint[]> {
  if (foreign.length === 0) return []
  let fresh: readonly Fingerprint[] = []
  const change = (before: unknown) => {
    const known = strings(before)
    fresh = foreign.filter((one) => !known.includes(one)).slice(0, MAX_AUDITED_FOREIGN)
    return fresh.length === 0 ? undefined : [...known, ...fresh].slice(-MAX_REMEMBERED_FOREIGN)
  }
  await changeState(o.state, `keys/foreign/${o.account}`, change, { signal: o.signal })
  return fresh
}

async function announceKey(o: CheckOptions, fingerprint: Fingerprint, kind: string): Promise<void> {
  const key = o.held.find((one) => one.certificate.fingerprint === fingerprint)
  if (key === undefined) return
  await announceOwnKey({ ...o, key, own: o.all ?? o.held })
  await audit(o, kind, fingerprint)
}

/** Undefined: now. Two clients that throw each other out of the list must not do so for ever (attack A33). */
async function postponedUntil(o: CheckOptions): Promise<Date | undefined> {
  const now = o.clock.now()
  const { count, lastAt } = await reannouncements({ ...o, now })
  if (lastAt === undefined) return undefined
  const at = new Date(lastAt.getTime() + lookupDelayMs(count))
  return at.getTime() > now.getTime() ? at : undefined
}

async function audit(o: CheckOptions, kind: string, fingerprint: Fingerprint): Promise<void> {
  const event = { at: o.clock.now(), account: o.account, kind, subject: o.account, fingerprint }
  await o.audit?.append(event, { signal: o.signal })
}
