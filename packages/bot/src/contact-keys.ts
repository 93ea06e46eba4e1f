import {
  type BareJid,
  type CallOptions,
  type Certificate,
  isAurochsError,
  type KnownKey,
  sameBareJid,
  throwIfAborted,
} from "@aurochs/core"
import {
  chooseKeys,
  isStale,
  judgeKeys,
  type LeftOut,
  lastReadAt,
  lookupDelayMs,
  type Missing,
  type Refreshed,
} from "@aurochs/keys"
import { createElsewhere, type Elsewhere } from "./elsewhere.ts"
import { createFollowing } from "./following.ts"
import { createKeyReader } from "./key-reader.ts"
import { createOldLists } from "./old-lists.ts"
import { type OwnKeys, ownCertificates } from "./own-keys.ts"
import { audit, type Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"

/** Listed keys whose data cannot be had delay a message for so long, then it goes to the others. */
const MAX_GAP_MS = 60_000
/** How often a gap is looked at while messages wait for it, and later when one is sent. */
const GAP_RETRY_MS = 10_000
const OLD_GAP_RETRY_MS = 600_000
/** A message of an unknown signer makes the keys be read; not more often than this for one sender. */
const MIN_REFRESH_MS = 10_000
/** Owners that are remembered for the two bounds above. */
const MAX_REMEMBERED = 1000

/** Who a message can be encrypted to. */
export type Recipients =
  | { readonly kind: "usable"; readonly certificates: readonly Certificate[]; readonly leftOut: readonly LeftOut[] }
  /** Not now. `nothingEver`: the directory has no key at all, and none was ever known. */
  | { readonly kind: "none"; readonly because: string; readonly retryInMs: number; readonly nothingEver: boolean }

/** The keys of contacts: read again when they are old, judged by the policy each time they are used. */
export interface ContactKeys {
  /** Every known key, from the store. */
  known(owner: BareJid, options?: CallOptions): Promise<readonly KnownKey[]>
  /** @throws {AurochsError} `NETWORK` (our own connection), `STORAGE`, `BACKEND`, `ABORTED` */
  recipients(owner: BareJid, options?: CallOptions): Promise<Recipients>
  /**
   * Reads the keys from the directory. A reading that was begun goes on when its caller waits no longer.
   *
   * @param options.atMostEveryMs if they were read less than so many milliseconds ago, they are read when that time is
   * over, once, and nobody waits for it
   * @returns `changed`: keys that were not known, or are not what they were; `skipped`: read only just now
   */
  refresh(
    owner: BareJid,
    options?: CallOptions & { readonly atMostEveryMs?: number },
  ): Promise<"changed" | "same" | "skipped">
  /** A secure message of theirs came: if their list is old it is read, and nobody waits for it. */
  heardFrom(owner: BareJid): void
  /** Resolves when no reading is under way. */
  settled(): Promise<void>
}

interface Remembered {
  readonly readAt: number
  readonly missing: readonly Missing[]
  /** When the first of the gaps was seen. */
  readonly missingSince: number
  /** Readings in a row that brought no usable key. */
  readonly failures: number
}

/**
 * @param own the account's own keys: what is sent to the account itself goes to them only (R4)
 * @param onChanged told after each reading that changed something
 * @param stop nobody is asked any more
 * @param hardStop nothing is written any more
 */
export function contactKeys(
  parts: Parts,
  own: () => OwnKeys,
  onChanged: (owner: BareJid, refreshed: Refreshed) => Promise<void>,
  stop: AbortSignal,
  hardStop: AbortSignal,
): ContactKeys {
  const { account, storage, provider, clock, log } = parts
  const elsewhere = createElsewhere(parts)
  const follow = createFollowing(parts, stop)
  const remembered = new Map<BareJid, Remembered>()
  const named = new Map<BareJid, string>()
  /** Whose keys are read when the bound is over. */
  const awaited = new Set<BareJid>()

  const remember = (owner: BareJid, value: Remembered) => {
    remembered.delete(owner)
    remembered.set(owner, value)
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MAX_REMEMBERED) break
      remembered.delete(oldest)
    }
  }

  const known = (owner: BareJid, options?: CallOptions) => parts.trusted.recent(owner, options)

  const onRead = async (owner: BareJid, result: Refreshed) => {
    if (result.known.some((key) => key.announced)) follow(owner)
    const now = clock.now().getTime()
    const before = remembered.get(owner)
    const isFirstGap = before === undefined || before.missing.length === 0
    remember(owner, {
      readAt: now,
      missing: result.missing,
      missingSince: result.missing.length === 0 || isFirstGap ? now : before.missingSince,
      failures: before?.failures ?? 0,
    })
    if (!result.changed.some((change) => change.kind !== "key-missing")) return
    log.info("keys changed", {
      owner,
      changes: result.changed.map(({ kind, fingerprint }) => `${kind} ${fingerprint}`),
    })
    await onChanged(owner, result)
  }
  const reader = createKeyReader({ parts, elsewhere, onRead, stop, hardStop })
  const { read } = reader

  /** When lists were last read, by whatever process. */
  const readAt = new Map<BareJid, Date>()
  const isOld = async (owner: BareJid, now: Date, options?: CallOptions): Promise<boolean> => {
    if (!isStale(readAt.get(owner), now)) return false
    const last = await lastReadAt({ keys: storage.keys, state: storage.state, account, owner, signal: options?.signal })
    if (readAt.size >= MAX_REMEMBERED) readAt.clear()
    if (last !== undefined) readAt.set(owner, last)
    return isStale(last, now)
  }

  /** What one only hears from is read in the background: a revocation reaches also who never answers. */
  const lookAfter = createOldLists({
    clock,
    stop,
    isFresh: (owner) => !isStale(readAt.get(owner), clock.now()),
    async look(owner) {
      try {
        if (await isOld(owner, clock.now(), { signal: stop })) await read(owner, { signal: stop })
      } catch (error) {
        if (!stop.aborted) log.info("keys could not be read", { owner, ...describeError(error) })
      }
    },
  })

  /** Reads, but goes on with what is known where the owner's server does not answer. */
  const tryRead = async (owner: BareJid, options?: CallOptions): Promise<string | undefined> => {
    try {
      await read(owner, options)
      return undefined
    } catch (error) {
      throwIfAborted(options)
      const isTheirs =
        isAurochsError(error, "STANZA_ERROR") ||
        isAurochsError(error, "HTTP") ||
        isAurochsError(error, "BAD_DATA") ||
        (isAurochsError(error, "NETWORK") && error.details.phase === "timeout")
      if (!isTheirs) throw error
      log.warn("keys could not be read", { owner, ...describeError(error) })
      return isAurochsError(error, "STANZA_ERROR") ? error.details.condition : error.code.toLowerCase()
    }
  }

  const choose = async (owner: BareJid, options?: CallOptions) => {
    const judged = await judgeKeys({
      owner,
      known: await known(owner, options),
      provider,
      trust: parts.trustFor(owner),
      now: clock.now(),
      signal: options?.signal,
    })
    return chooseKeys(judged, remembered.get(owner)?.missing)
  }

  /** Who is left out is told when it changes, not with each message. */
  const nameLeftOut = async (owner: BareJid, leftOut: readonly LeftOut[]) => {
    const text = leftOut.map((key) => `${key.fingerprint} ${key.because}`).join(", ")
    if (text === (named.get(owner) ?? "")) return
    if (named.size >= MAX_REMEMBERED) named.clear()
    named.set(owner, text)
    if (text === "") return
    log.warn("keys left out of encryption", { owner, leftOut: text })
    await audit(parts, { kind: "keys-left-out", subject: owner, detail: { keys: text } })
  }

  /** The last message of an unknown signer may be the last for long: its keys must not wait for another one. */
  const readLater = (owner: BareJid, waitMs: number) => {
    if (awaited.has(owner) || awaited.size >= MAX_REMEMBERED) return
    awaited.add(owner)
    const readBefore = remembered.get(owner)?.readAt
    const work = async () => {
      await clock.sleep(waitMs, { signal: stop })
      if (remembered.get(owner)?.readAt === readBefore) await read(owner, { signal: stop })
    }
    work()
      .catch((error: unknown) => {
        if (!stop.aborted) log.info("the sender's keys could not be read", { peer: owner, ...describeError(error) })
      })
      .finally(() => awaited.delete(owner))
  }

  return {
    known,
    settled: reader.settled,
    heardFrom(owner) {
      if (!sameBareJid(owner, account)) lookAfter(owner)
    },
    async refresh(owner, options) {
      const last = remembered.get(owner)?.readAt
      const bound = options?.atMostEveryMs ?? 0
      const age = last === undefined ? Number.POSITIVE_INFINITY : clock.now().getTime() - last
      if (age >= 0 && age < bound) {
        readLater(owner, bound - age)
        return "skipped"
      }
      return (await read(owner, options)) ? "changed" : "same"
    },

    async recipients(owner, options) {
      const now = clock.now()
      if (sameBareJid(owner, account)) {
        const at = { account, keys: parts.trusted, provider, now, signal: options?.signal }
        return { kind: "usable", certificates: await ownCertificates(own(), at), leftOut: [] }
      }
      let choice = await choose(owner, options)
      const gap = remembered.get(owner)
      const gapIsOpen = gap !== undefined && gap.missing.length > 0 && isGapDue(gap, now.getTime())
      let unreachable: string | undefined
      if (choice.use.length === 0 || gapIsOpen || (await isOld(owner, now, options))) {
        unreachable = await tryRead(owner, options)
        choice = await choose(owner, options)
      }
      const state = remembered.get(owner)
      const missing = state?.missing ?? []
      if (state !== undefined && missing.length > 0) {
        const missingForMs = clock.now().getTime() - state.missingSince
        const names = missing.map((one) => `${one.missing}: ${one.because}`).join(", ")
        if (missingForMs < MAX_GAP_MS && choice.use.length > 0) {
          return {
            kind: "none",
            because: `waiting for the data of a listed key: ${names}`,
            retryInMs: Math.min(GAP_RETRY_MS, MAX_GAP_MS - missingForMs),
            nothingEver: false,
          }
        }
      }
      if (choice.use.length > 0) {
        if (state !== undefined) remember(owner, { ...state, failures: 0 })
        await nameLeftOut(owner, choice.leftOut)
        return { kind: "usable", certificates: choice.use, leftOut: choice.leftOut }
      }
      const failures = (state?.failures ?? 0) + 1
      const unknownSince = clock.now().getTime()
      remember(owner, { readAt: unknownSince, missing, missingSince: unknownSince, ...state, failures })
      return {
        kind: "none",
        because: `no usable key: ${reasonOf(choice.leftOut, unreachable)}`,
        retryInMs: lookupDelayMs(failures),
        nothingEver:
          parts.encryption === "opportunistic" &&
          unreachable === undefined &&
          (await hasNothing(parts, elsewhere, owner, await known(owner, options), options)),
      }
    },
  }
}

/** The bound on readings that messages of unknown signers cause. */
export const unknownSignerRefresh: { readonly atMostEveryMs: number } = { atMostEveryMs: MIN_REFRESH_MS }

function isGapDue(gap: Remembered, now: number): boolean {
  const retryMs = now - gap.missingSince < MAX_GAP_MS ? GAP_RETRY_MS : OLD_GAP_RETRY_MS
  return now - gap.readAt >= retryMs
}

function reasonOf(leftOut: readonly LeftOut[], unreachable: string | undefined): string {
  if (leftOut.length > 0) return leftOut.map((key) => `${key.fingerprint} ${key.because}`).join(", ")
  return unreachable === undefined ? "none is announced" : `the keys cannot be read (${unreachable})`
}

/** No key was ever known, and the directory answers, asked once more, with nothing at all: not even a gap. */
async function hasNothing(
  parts: Parts,
  elsewhere: Elsewhere,
  owner: BareJid,
  known: readonly KnownKey[],
  options?: CallOptions,
): Promise<boolean> {
  if (known.length > 0) return false
  try {
    for await (const _ of parts.directory.lookup({ owner }, options)) return false
    return await elsewhere.haveNothing(owner, options)
  } catch (error) {
    throwIfAborted(options)
    parts.log.warn("keys could not be read", { owner, ...describeError(error) })
    return false
  }
}
