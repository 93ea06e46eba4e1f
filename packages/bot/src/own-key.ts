import { type CallOptions, isAurochsError, throwIfAborted } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { checkOwnKey, findUserId, prepareOwnKey } from "@aurochs/keys"
import type { Bell } from "./bell.ts"
import type { BotOptions } from "./bot.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"

/** Without news the server is asked again after this, while the own key is not ready. */
const RETRY_MS = 30_000
/** The own list is looked at this often without being told. */
const CHECK_MS = 3_600_000

/** Looks after the account's own key. */
export interface OwnKeyKeeper {
  /** The keys that are ready; undefined before. */
  readonly current: OwnKeys | undefined
  /** What is held here, without asking the server: enough to seal what is queued. Undefined: nothing is. */
  held(): Promise<OwnKeys | undefined>
  /** Compares with the account's list, announces, creates (R47, R48); tries again while the network is away. */
  prepare(bell: Bell, options?: CallOptions): Promise<OwnKeys>
  /** Looks after the list until aborted: merges the key back when it is gone, with back-off (attack A33). */
  watch(bell: Bell, options?: CallOptions): Promise<void>
  /** Forgets all handles. */
  dispose(): Promise<void>
}

/** @param parts resolves once the storage is there */
export function ownKeyKeeper(
  parts: () => Promise<Parts>,
  options: Pick<BotOptions, "ownKey" | "passphrase">,
): OwnKeyKeeper {
  const handles: AsyncDisposable[] = []
  let ready: OwnKeys | undefined
  let passphrase: Promise<Uint8Array | "none"> | undefined
  let loading: Promise<OwnKeys | undefined> | undefined

  // Asked once: it may be a person who is asked.
  const askOnce = () => {
    passphrase ??= Promise.resolve(options.passphrase?.() ?? "none")
    return passphrase
  }

  const load = async (): Promise<OwnKeys | undefined> => {
    const { storage, account, provider, clock } = await parts()
    const secrets = await storage.secrets.load(account)
    if (secrets.length === 0) return undefined
    const phrase = await askOnce()
    const all: SecretKey[] = []
    for (const secret of secrets) {
      all.push(...(await provider.importSecret(secret, { passphrase: phrase === "none" ? undefined : phrase })))
    }
    handles.push(...all)
    let current: SecretKey | undefined
    for (const key of all) {
      const info = await provider.inspect(key.certificate.bytes, { now: clock.now() })
      if (info.canSign && info.canEncrypt && findUserId(info, account) !== undefined) current = key
    }
    return current && { current, all }
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
      const { account, provider, storage, directory, clock, log } = await parts()
      for (;;) {
        throwIfAborted(call)
        try {
          const own = await prepareOwnKey({
            account,
            provider,
            secrets: storage.secrets,
            state: storage.state,
            audit: storage.audit,
            directory,
            clock,
            durable: storage.durable,
            ownKey: options.ownKey,
            passphrase: askOnce,
            signal: call?.signal,
          })
          handles.push(own)
          ready = { current: own.current, all: own.keys }
          log.info("own key ready", { fingerprint: own.current.certificate.fingerprint, done: own.done })
          if (own.foreign.length > 0) log.warn("the own key list names keys of others", { foreign: own.foreign })
          return ready
        } catch (error) {
          throwIfAborted(call)
          if (!isPassing(error)) throw error
          log.warn("the own key list could not be read", describeError(error))
          await bell.wait(RETRY_MS, clock, call)
        }
      }
    },

    async watch(bell, call) {
      const { account, provider, storage, directory, clock, log } = await parts()
      let waitMs = CHECK_MS
      while (!call?.signal?.aborted) {
        await bell.wait(waitMs, clock, call)
        waitMs = CHECK_MS
        if (ready === undefined || call?.signal?.aborted) continue
        try {
          const place = { account, directory, provider, state: storage.state, audit: storage.audit, clock }
          const check = await checkOwnKey({ ...place, held: [ready.current], signal: call?.signal })
          const ours = new Set(ready.all.map((key) => key.certificate.fingerprint))
          const foreign = check.foreign.filter((one) => !ours.has(one))
          if (check.kind !== "listed") log.warn("the own key was not in the list", { now: check.kind })
          if (foreign.length > 0) log.warn("the own key list names keys of others", { foreign })
          if (check.retryAt !== undefined) waitMs = Math.max(1000, check.retryAt.getTime() - clock.now().getTime())
        } catch (error) {
          if (call?.signal?.aborted) return
          log.warn("the own key list could not be read", describeError(error))
          waitMs = RETRY_MS
        }
      }
    },

    async dispose() {
      for (const handle of handles.splice(0)) await handle[Symbol.asyncDispose]()
    },
  }
}

/** The server is away for a while, or not ready. */
function isPassing(error: unknown): boolean {
  if (isAurochsError(error, "NETWORK") || isAurochsError(error, "BACKEND")) return true
  return isAurochsError(error, "STANZA_ERROR") && error.details.type === "wait"
}
