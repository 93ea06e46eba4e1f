import { type CallOptions, type Fingerprint, isAurochsError, throwIfAborted } from "@aurochs/core"
import {
  checkOwnKey,
  endDueRotation,
  type LifeOptions,
  loadOwnKeys,
  prepareOwnKey,
  type Rotated,
  rotateKey,
  uploadOwnKeys,
} from "@aurochs/keys"
import type { Bell } from "./bell.ts"
import type { BotOptions } from "./bot.ts"
import { type ForeignKeys, foreignKeys } from "./foreign-keys.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"

/** Without news the server is asked again after this, while the own key is not ready. */
const RETRY_MS = 30_000
/** The own list is looked at this often without being told. */
const CHECK_MS = 3_600_000
/** However often the server says that it changed, so many looks are taken within this time; what is between is one. */
const MAX_LOOKS = 3
const LOOKS_MS = 30_000
/** A key server that did not take the own key is asked again after this. */
const UPLOAD_RETRY_MS = 600_000

/** Looks after the account's own key. */
export interface OwnKeyKeeper {
  /** The keys that are ready; undefined before. */
  readonly current: OwnKeys | undefined
  /** What is held here, without asking the server: enough to seal what is queued. Undefined: nothing is. */
  held(): Promise<OwnKeys | undefined>
  /** Compares with the account's list, announces, creates (R47, R48); tries again while the network is away. */
  prepare(bell: Bell, options?: CallOptions): Promise<OwnKeys>
  /** Begins to use a new key, see `rotateKey`. */
  rotate(options: CallOptions & { overlapMs?: number | undefined; expiresInMs?: number | undefined }): Promise<Rotated>
  /**
   * Looks after the list until aborted: merges the key back when it is gone, with back-off (attack A33), takes up keys
   * that a command put into the store, and ends a rotation when it is due.
   *
   * @throws {AurochsError} `NO_USABLE_KEY`: the key in use was revoked or has expired, and there is no other
   */
  watch(bell: Bell, options?: CallOptions): Promise<void>
  /** Forgets all handles. */
  dispose(): Promise<void>
}

/**
 * @param parts resolves once the storage is there
 * @param onForeign told of a key of somebody else in the account's own list, see `foreignKeys`
 */
export function ownKeyKeeper(
  parts: () => Promise<Parts>,
  options: Pick<BotOptions, "ownKey" | "passphrase">,
  onForeign: (fingerprint: Fingerprint, more?: number) => void = () => {},
): OwnKeyKeeper {
  const handles: AsyncDisposable[] = []
  let ready: OwnKeys | undefined
  let passphrase: Promise<Uint8Array | "none"> | undefined
  let loading: Promise<OwnKeys | undefined> | undefined
  /** Copies in the secret store when they were last read: they only ever become more. */
  let copies = 0
  const ended = new AbortController()
  let foreign: ForeignKeys | undefined
  const foreignIn = (made: Parts) => {
    foreign ??= foreignKeys(made, ended.signal, onForeign)
    return foreign
  }

  // Asked once: it may be a person who is asked.
  const askOnce = () => {
    passphrase ??= Promise.resolve(options.passphrase?.() ?? "none")
    return passphrase
  }

  const life = async (call?: CallOptions): Promise<LifeOptions> => {
    const made = await parts()
    const { account, provider, storage, directory, sources, clock } = made
    const { secrets, state } = storage
    const { audit } = foreignIn(made)
    const alsoTo = sources.map((source) => source.directory).filter(({ publish }) => publish !== undefined)
    const place = { account, provider, secrets, state, audit, directory, alsoTo, clock }
    return { ...place, passphrase: askOnce, signal: call?.signal }
  }

  const load = async (): Promise<OwnKeys | undefined> => {
    const o = await life()
    if ((await o.secrets.load(o.account)).length === 0) return undefined
    const { keys, current } = await loadOwnKeys(o)
    handles.push(...keys)
    return current && { current, all: keys }
  }

  /** Compares with the list, announces, creates: what `prepareOwnKey` decides. */
  const settle = async (call?: CallOptions): Promise<OwnKeys> => {
    const made = await parts()
    const { storage, account, log } = made
    const before = (await storage.secrets.load(account, call)).length
    const own = await prepareOwnKey({ ...(await life(call)), durable: storage.durable, ownKey: options.ownKey })
    handles.push(own)
    copies = own.done === "created" ? (await storage.secrets.load(account, call)).length : before
    ready = { current: own.current, all: own.keys }
    log.info("own key ready", { fingerprint: own.current.certificate.fingerprint, done: own.done })
    foreignIn(made).found(own.foreign)
    return ready
  }

  const reload = async (call?: CallOptions): Promise<boolean> => {
    const { storage, account, log, trusted, outboxKey } = await parts()
    if (ready === undefined || (await storage.secrets.load(account, call)).length === copies) return false
    const before = ready.current.certificate.fingerprint
    const { current } = await settle(call)
    // What was sealed to the old key only is sealed to the new one before the old one may be gone.
    await trusted.ownKeyChanged(call)
    await outboxKey.ownKeyChanged(call)
    const { fingerprint } = current.certificate
    if (fingerprint !== before) log.info("another own key is in use", { from: before, to: fingerprint })
    return true
  }

  /** What the key servers that take uploads do not have yet. Is everything there? */
  const upload = async (call?: CallOptions): Promise<boolean> => {
    if (ready === undefined) return true
    const { log } = await parts()
    const { current, all: keys } = ready
    const published = await uploadOwnKeys({ ...(await life(call)), keys, current: current.certificate.fingerprint })
    for (const { source, failed } of published) {
      if (failed === undefined) log.info("the own key was sent to a key server", { source })
      else log.warn("a key server did not take the own key; it is sent again later", { source, failed })
    }
    return published.every(({ failed }) => failed === undefined)
  }

  return {
    get current() {
      return ready
    },

    async held() {
      if (ready !== undefined) return ready
      loading ??= load()
      try {
        const loaded = await loading
        if (loaded === undefined) loading = undefined
        return loaded
      } catch (error) {
        loading = undefined
        throw error
      }
    },

    async prepare(bell, call) {
      const { clock, log } = await parts()
      for (;;) {
        throwIfAborted(call)
        try {
          return await settle(call)
        } catch (error) {
          throwIfAborted(call)
          if (!isPassing(error)) throw error
          log.warn("the own key list could not be read", describeError(error))
          await bell.wait(RETRY_MS, clock, call)
        }
      }
    },

    async rotate(o) {
      const rotated = await rotateKey({ ...(await life(o)), overlapMs: o.overlapMs, expiresInMs: o.expiresInMs })
      await reload(o)
      return rotated
    },

    async watch(bell, call) {
      const made = await parts()
      const { clock, log } = made
      const foreign = foreignIn(made)
      /** When the last looks were taken. */
      let looks: readonly number[] = []
      let waitMs = 0
      while (!call?.signal?.aborted) {
        // At once the first time: what the start did is not at the key servers yet.
        const isFirst = waitMs === 0
        if (!isFirst) await bell.wait(waitMs, clock, call)
        const early = (looks.at(-MAX_LOOKS) ?? Number.NEGATIVE_INFINITY) + LOOKS_MS - clock.now().getTime()
        if (early > 0 && early <= LOOKS_MS) await clock.sleep(early, call).catch(() => {})
        waitMs = CHECK_MS
        if (ready === undefined || call?.signal?.aborted) continue
        try {
          if (isFirst) {
            if (!(await upload(call))) waitMs = UPLOAD_RETRY_MS
            continue
          }
          looks = [...looks, clock.now().getTime()].slice(-MAX_LOOKS)
          // A command beside the bot may have rotated, revoked or renewed it.
          await reload(call)
          const o = await life(call)
          await endDueRotation(o)
          const check = await checkOwnKey({ ...o, held: [ready.current], all: ready.all })
          if (check.kind !== "listed") foreign.warn("the own key was not in the list", { now: check.kind })
          foreign.found(check.foreign)
          if (!(await upload(call))) waitMs = UPLOAD_RETRY_MS
          if (check.retryAt !== undefined) waitMs = Math.max(1000, check.retryAt.getTime() - clock.now().getTime())
        } catch (error) {
          if (call?.signal?.aborted) return
          if (isAurochsError(error, "NO_USABLE_KEY")) throw error
          log.warn("the own key list could not be read", describeError(error))
          waitMs = RETRY_MS
        }
      }
    },

    async dispose() {
      ended.abort()
      await foreign?.told()
      for (const handle of handles.splice(0)) await handle[Symbol.asyncDispose]()
    },
  }
}

/** The server is away for a while, or not ready. */
function isPassing(error: unknown): boolean {
  if (isAurochsError(error, "NETWORK") || isAurochsError(error, "BACKEND")) return true
  return isAurochsError(error, "STANZA_ERROR") && error.details.type === "wait"
}
