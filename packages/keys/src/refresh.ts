import {
  type BareJid,
  type CallOptions,
  type Clock,
  type Fingerprint,
  isAurochsError,
  type KnownKey,
} from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { AuditLog, KeyStore, StateStore } from "@aurochs/storage"
import { collect, equalBytes } from "./collect.ts"
import type { KeyDirectory, Missing } from "./directory.ts"
import { beginReading, endReading, isCounted, readBefore, type Stamp, stampFor } from "./first-seen.ts"
import { GONE, isGone } from "./gone.ts"
import { putOver } from "./put-over.ts"
import { announcedIn, type ReadKey, readDirectory, tryInspect } from "./reading.ts"
import { findUserId } from "./user-id.ts"

/** Something that a reading changed. `kind` is also the kind of the audit event. */
export interface KeyChange {
  readonly kind:
    | "key-new"
    /** New self-signatures, subkeys or User IDs. */
    | "key-changed"
    | "key-revoked"
    /** No longer in the owner's list; it stays stored. */
    | "key-gone"
    /** In the list again. */
    | "key-back"
    /** Listed, but its certificate could not be had this time. */
    | "key-missing"
  readonly owner: BareJid
  readonly fingerprint: Fingerprint
  /** The reason of a gap. */
  readonly because?: string | undefined
}

/** What `refreshKeys` needs. */
export interface RefreshOptions extends CallOptions {
  readonly owner: BareJid
  readonly directory: KeyDirectory
  readonly keys: KeyStore
  readonly provider: CryptoProvider
  readonly clock: Clock
  readonly audit?: AuditLog | undefined
  /** Whose audit log and state it is. */
  readonly account: BareJid
  /**
   * For directories that read the owner's list: then it is remembered when it was read and what the first list named,
   * here, or with `authenticatedKeys` where nobody else can write it. Without it a key of the first list that arrives
   * later, because it could not be had or because a crash came between, counts as a later one: `tofu` quarantines it.
   */
  readonly state?: StateStore | undefined
}

/** The outcome of one complete reading. */
export interface Refreshed {
  /** Everything that is stored of this owner now. */
  readonly known: readonly KnownKey[]
  readonly changed: readonly KeyChange[]
  /** Listed keys of which no certificate is stored, not even an older one. */
  readonly missing: readonly Missing[]
  /** Candidates that were found and not stored: they cannot become keys of this owner. */
  readonly refused: readonly RefusedKey[]
  readonly readAt: Date
}

/** A certificate from a source that does not speak for the account, and that was not stored. */
export interface RefusedKey {
  readonly fingerprint: Fingerprint
  readonly source: string
  /** `no-user-id`: without the owner's valid `xmpp:` User ID; `too-many-candidates`: so many are stored already. */
  readonly because: "no-user-id" | "too-many-candidates"
}

/** Candidates of one owner that are stored, at most: anybody may upload one in anybody's name. */
const MAX_CANDIDATES = 32
/** A User ID that has only expired with its key may be renewed: the policy judges it each time. */
const NAMING = ["valid", "expired"] as const
/** Gaps of one reading that are written to the audit log, at most. */
const MAX_AUDITED_GAPS = 32

/**
 * Reads an account's keys from a directory and brings the key store up to date: certificates are merged, never
 * replaced; a key that is no longer listed is marked and kept. If the directory could not be asked, it throws and
 * nothing is changed.
 *
 * @throws {AurochsError} as `KeyDirectory.lookup`, `KeyStore` and `CryptoProvider`
 */
export async function refreshKeys(o: RefreshOptions): Promise<Refreshed> {
  const call = { signal: o.signal }
  const reading = await readDirectory({ ...o, now: o.clock.now() })
  const readAt = o.clock.now()
  const { first: before, told: toldBefore } = await readBefore(o, call)
  const stored = await collect(o.keys.keysOf(o.owner, call))
  const byPrint = new Map(stored.map((key) => [key.fingerprint, key]))
  const first = await beginReading(o, reading, { before, stored, now: readAt, signal: o.signal })
  const stamp = stampFor(stored, first, readAt)
  const changed: KeyChange[] = []
  const note = (kind: KeyChange["kind"], fingerprint: Fingerprint, because?: string) =>
    changed.push({ kind, owner: o.owner, fingerprint, because })
  const puts: KnownKey[] = []
  const refused: RefusedKey[] = []
  let candidates = stored.filter((key) => !isCounted(key)).length

  for (const [print, read] of reading.found) {
    const before = byPrint.get(print)
    if (before === undefined && read.found.binds !== "account") {
      const because = findUserId(read.info, o.owner, NAMING) === undefined ? "no-user-id" : "too-many-candidates"
      if (because === "no-user-id" || candidates >= MAX_CANDIDATES) {
        refused.push({ fingerprint: print, source: read.found.source, because })
        continue
      }
      candidates++
    }
    const after = before === undefined ? newKey(o.owner, read, stamp) : await updated(before, read, stamp, o, note)
    if (before === undefined || isNewlyBound(before, after)) note("key-new", print)
    else if (!before.announced && after.announced) note("key-back", print)
    if (await isNewlyRevoked(before, after, o, readAt)) note("key-revoked", print)
    if (after !== before) puts.push(after)
  }
  for (const [print, because] of reading.gaps) {
    note("key-missing", print, because)
    const before = byPrint.get(print)
    if (before?.binds === "account" && !before.announced && !isGone(before)) {
      note("key-back", print)
      puts.push({ ...before, announced: true })
    }
  }
  for (const [print, because] of reading.candidateGaps) note("key-missing", print, because)
  const listed = new Set(announcedIn(reading))
  const asked = o.directory.sources ?? [o.directory.name]
  for (const before of stored) {
    const isListed = listed.has(before.fingerprint) || reading.gaps.has(before.fingerprint)
    // Only the directory that said it is announced can say that it is not any more.
    const isVouchedFor =
      before.binds !== "account" && before.binds !== "nothing" && !reading.found.has(before.fingerprint)
    if (isListed || !(before.announced || isVouchedFor) || !asked.includes(before.source)) continue
    note("key-gone", before.fingerprint)
    puts.push({ ...before, announced: false, binds: before.binds === "account" ? "account" : "nothing" })
  }

  // The log first: after a crash in between a line twice is better than a key without one.
  const told = await writeAudit(o, changed, reading.unreadable, readAt, toldBefore)
  for (const key of puts) await putOver(o.keys, key, byPrint.get(key.fingerprint), (now) => bothOf(now, key, o), call)
  // The keys first: after a crash in between the rest of a first list is still known to belong to it.
  await endReading(o, reading, { readAt, told, signal: o.signal })
  const missing = [...reading.gaps].flatMap(([print, because]) => {
    const before = byPrint.get(print)
    return before === undefined || isGone(before) ? [{ missing: print, because }] : []
  })
  return { known: await collect(o.keys.keysOf(o.owner, call)), changed, missing, refused, readAt }
}

function newKey(owner: BareJid, { info, found }: ReadKey, stamp: Stamp): KnownKey {
  const { fingerprint } = info
  return {
    owner,
    fingerprint,
    bytes: found.bytes,
    firstSeen: stamp(fingerprint),
    source: found.source,
    binds: found.binds,
    announced: found.binds === "account",
    approval: "none",
  }
}

/** What another program has stored meanwhile, with what was read here. */
async function bothOf(stored: KnownKey, key: KnownKey, o: RefreshOptions): Promise<KnownKey> {
  const isMore = RANK.indexOf(key.binds) > RANK.indexOf(stored.binds)
  const bytes = (await mergedBytes(stored.bytes, key.bytes, o)) ?? stored.bytes
  return { ...(isMore ? key : stored), approval: stored.approval, announced: key.announced, bytes }
}

/** The stored key with what was found; the same object if nothing changed. */
async function updated(
  before: KnownKey,
  { info, found }: ReadKey,
  stamp: Stamp,
  o: RefreshOptions,
  note: (kind: KeyChange["kind"], fingerprint: Fingerprint, because?: string) => void,
): Promise<KnownKey> {
  const merged = isGone(before) ? found.bytes : await mergedBytes(before.bytes, found.bytes, o)
  if (merged === undefined) note("key-missing", info.fingerprint, "cannot-be-merged")
  const bytes = merged ?? before.bytes
  const isSame = equalBytes(bytes, before.bytes)
  if (!isSame && !isGone(before)) note("key-changed", info.fingerprint)
  const announces = found.binds === "account"
  const isMore = RANK.indexOf(found.binds) > RANK.indexOf(before.binds)
  // Whoever proves what was known of it, while nobody remembers who did.
  const isAgain = before.source === GONE && found.binds === before.binds
  const binding = {
    ...(isMore || isAgain ? { source: found.source, binds: found.binds } : {}),
    ...(isMore && !isCounted(before) ? { firstSeen: stamp(info.fingerprint) } : {}),
  }
  if (isSame && (before.announced || !announces) && Object.keys(binding).length === 0) return before
  return { ...before, ...binding, bytes, announced: before.announced || announces }
}

/** What a source proves, from nothing upwards. */
const RANK: readonly KnownKey["binds"][] = ["nothing", "https-domain", "dnssec", "account"]

/** The union of both copies; undefined if they cannot be merged (a bound was exceeded): then the stored one stays. */
async function mergedBytes(stored: Uint8Array, found: Uint8Array, o: RefreshOptions): Promise<Uint8Array | undefined> {
  if (equalBytes(stored, found)) return stored
  try {
    return (await o.provider.merge(stored, found, { signal: o.signal })).bytes
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") || isAurochsError(error, "UNSUPPORTED")) return undefined
    throw error
  }
}

/** A candidate that was known before, and that the account announces now. */
function isNewlyBound(before: KnownKey, after: KnownKey): boolean {
  return before.binds !== "account" && after.binds === "account"
}

async function isNewlyRevoked(
  before: KnownKey | undefined,
  after: KnownKey,
  { provider, signal }: RefreshOptions,
  now: Date,
): Promise<boolean> {
  if (before !== undefined && equalBytes(before.bytes, after.bytes)) return false
  const at = { provider, now, signal }
  if ((await tryInspect(after.bytes, at))?.revokedAt === undefined) return false
  return before === undefined || isGone(before) || (await tryInspect(before.bytes, at))?.revokedAt === undefined
}

/**
 * Gaps, and certificates that cannot be read, stay for many readings: they are written when they are new.
 *
 * @returns what the next reading need not write again
 */
async function writeAudit(
  o: RefreshOptions,
  changed: readonly KeyChange[],
  unreadable: number,
  at: Date,
  toldBefore: readonly string[],
): Promise<readonly string[]> {
  const base = { at, account: o.account, subject: o.owner }
  const source = o.directory.name
  const told: string[] = []
  const isTold = (line: string) => {
    told.push(line)
    return toldBefore.includes(line)
  }
  for (const { kind, fingerprint, because } of changed) {
    if (kind === "key-missing") {
      if (told.length >= MAX_AUDITED_GAPS || isTold(`${fingerprint} ${because ?? ""}`)) continue
    }
    const detail = because === undefined ? { source } : { source, because }
    await o.audit?.append({ ...base, kind, fingerprint, detail }, { signal: o.signal })
  }
  if (unreadable > 0 && !isTold(`unreadable ${unreadable}`)) {
    const detail = { source, count: String(unreadable) }
    await o.audit?.append({ ...base, kind: "key-unreadable", detail }, { signal: o.signal })
  }
  return told
}
