import { AurochsError, bareJid, cryptoRandom, orAborted, systemClock } from "@aurochs/core"
import { authenticatedKeys, type KeyDirectory, type OtherSource, pepDirectory } from "@aurochs/keys"
import type { OutboxId, Storage } from "@aurochs/storage"
import { createBell } from "./bell.ts"
import type { Bot, BotOptions, BotStatus, CommandOptions, OutgoingText } from "./bot.ts"
import type { Context, Handler } from "./context.ts"
import { checkedSources } from "./elsewhere.ts"
import { addCommand, createRegistry } from "./handlers.ts"
import type { KeyEvent, KeyEventHandler } from "./key-event.ts"
import { createLink } from "./link.ts"
import { consoleLogger, type Logger } from "./logger.ts"
import type { AnyMiddleware } from "./middleware.ts"
import { createOutboxBell } from "./outbox-bell.ts"
import { createOutboxKey } from "./outbox-key.ts"
import { createOutgoing } from "./outgoing.ts"
import { ownKeyKeeper } from "./own-key.ts"
import type { OwnKeys } from "./own-keys.ts"
import { createOwnWords } from "./own-words.ts"
import { type Parts, trustForPeer, trustForSources } from "./parts.ts"
import { recentKeys } from "./recent-keys.ts"
import { describeError } from "./retrying.ts"
import { runBot } from "./run.ts"
import type { Trusting } from "./trusting.ts"

/**
 * Makes a bot: it sends and answers encrypted messages (XEP-0374), keeps what it has to send and what it received on
 * disk, and goes on after a restart where it was. Nothing happens before {@link Bot.run}.
 *
 * @throws {AurochsError} `CONFIGURATION` for an option that cannot be
 */
export function createBot(options: BotOptions): Bot<Context> {
  const prefix = checkedPrefix(options.commandPrefix ?? "!")
  const registry = createRegistry()
  const random = options.random ?? cryptoRandom()
  const log = options.log ?? consoleLogger()
  const clock = options.clock ?? systemClock()
  const { transport, provider } = options
  const sources = checkedSources(options.sources)
  const outboxBell = createOutboxBell()
  const words = createOwnWords()
  const ownBell = createBell()
  const link = createLink(() => {
    outboxBell.ring()
    ownBell.ring()
  })
  const readyHandlers: ((status: BotStatus) => unknown)[] = []
  const ownReady = Promise.withResolvers<OwnKeys>()
  // Nobody may be waiting for it.
  ownReady.promise.catch(() => {})
  let isStarted = false
  let made: Promise<Parts> | undefined

  const parts = (): Promise<Parts> => {
    made ??= (async () => {
      const storage = await options.storage
      const trusted = recentKeys(authenticatedKeys(sealedWith(storage)), clock)
      return {
        account: transport.account,
        transport,
        provider,
        storage: { ...storage, keys: trusted },
        trusted,
        outboxKey: createOutboxKey(sealedWith(storage)),
        directory: options.directory ?? pepDirectory({ transport, provider, clock }),
        sources,
        trustFor: trustForSources(trustForPeer(options.trust), sources),
        encryption: options.encryption ?? "require",
        log,
        clock,
        random,
      }
    })()
    return made
  }
  const sealedWith = ({ keys, state }: Storage) => {
    const own = async () => {
      const held = await keeper.held()
      return { current: held?.current, all: held?.all ?? [] }
    }
    return { account: transport.account, keys, state, provider, own, clock, random }
  }
  const keyHandlers: KeyEventHandler[] = []
  const keeper = ownKeyKeeper(parts, options, (fingerprint, more) => {
    const about = { owner: transport.account, fingerprint, kind: "key-quarantined" } as const
    const event: KeyEvent = more === undefined ? about : { ...about, more }
    for (const handler of keyHandlers) void guarded(() => handler(event))
  })
  const guarded = async (work: () => unknown) => {
    try {
      await work()
    } catch (error) {
      log.error("a handler of key events failed", describeError(error))
    }
  }
  const trusting = Promise.withResolvers<Trusting>()
  // Nobody may be waiting for it.
  trusting.promise.catch(() => {})

  const enqueue = async (messages: readonly OutgoingText[], call?: { signal?: AbortSignal | undefined }) => {
    const signal = call?.signal
    if ((await keeper.held()) === undefined) await orAborted(ownReady.promise, call)
    const outgoing = createOutgoing(await parts(), outboxBell, words)
    return outgoing.enqueue(
      messages.map((message) => ({ ...message, encryptedOnly: false })),
      { signal },
    )
  }

  const status = async (call?: { signal?: AbortSignal | undefined }): Promise<BotStatus> => {
    const { storage, account } = await parts()
    const waiting = await storage.outbox.waiting(account, call)
    const ownKey = keeper.current?.current.certificate.fingerprint
    return { connected: link.isUp, ...(ownKey === undefined ? {} : { ownKey }), waiting }
  }

  const bot: Bot<Context> = {
    text(handler) {
      registry.texts.push(handler as (ctx: object) => unknown)
      return bot
    },
    command(name: string, ...rest: readonly unknown[]) {
      const [first, second] = rest as readonly [CommandOptions | Handler<never>, Handler<never> | undefined]
      if (typeof first === "function") addCommand(registry, name, {}, first)
      else if (second !== undefined) addCommand(registry, name, first, second)
      return bot
    },
    observe(kind, handler) {
      const observers = registry.observers.get(kind) ?? []
      registry.observers.set(kind, [...observers, handler as (ctx: object) => unknown])
      return bot
    },
    use(middleware) {
      registry.middleware.push(middleware as unknown as AnyMiddleware)
      // The same bot: only its type is wider.
      return bot as never
    },
    catch(boundary) {
      registry.boundary = boundary
      return bot
    },
    onKeys(handler) {
      keyHandlers.push(handler)
      return bot
    },
    onReady(handler) {
      readyHandlers.push(handler)
      return bot
    },
    async send(to, body, call) {
      const [id] = await enqueue([{ to, body, key: call?.key }], call)
      return id as OutboxId
    },
    sendAll: enqueue,
    async trust(owner, fingerprint, approval, call) {
      const ready = await orAborted(trusting.promise, call)
      await ready.decide(bareJid(owner), fingerprint, approval, call)
    },
    async rotateKey(call) {
      await orAborted(ownReady.promise, call)
      return keeper.rotate({ ...call })
    },
    async run(call) {
      if (isStarted) throw new AurochsError("CONFIGURATION", "a bot runs once; make another one", { field: "run" })
      isStarted = true
      try {
        tellNotices(log, (await parts()).directory, sources)
        await runBot({
          parts: await parts(),
          keeper,
          registry,
          link,
          outboxBell,
          words,
          ownBell,
          prefix,
          options,
          signal: call?.signal,
          keyHandlers,
          onTrusting: trusting.resolve,
          onReady: async (own) => {
            ownReady.resolve(own)
            const now = await status()
            for (const handler of readyHandlers) await handler(now)
          },
        })
      } finally {
        link.down()
        const ended = new AurochsError("CONFIGURATION", "the bot ended before it had a key", { field: "ownKey" })
        ownReady.reject(ended)
        trusting.reject(ended)
        await keeper.dispose()
        if (options.dispose !== false) {
          // The transport first: it may still have something to keep.
          await transport[Symbol.asyncDispose]()
          await (await parts()).storage[Symbol.asyncDispose]()
        }
      }
    },
    status,
  }
  return bot
}

/** What was switched on is said each time, loudly: what it tells to whom, and what cannot be taken back. */
function tellNotices(log: Logger, own: KeyDirectory, sources: readonly OtherSource[]): void {
  if (own.notice !== undefined) log.warn("contacts are looked up elsewhere too", { notice: own.notice })
  for (const { directory, mayBind } of sources) {
    const does = { mayBind: mayBind ?? false, uploads: directory.publish !== undefined }
    log.warn("contacts are looked up elsewhere too", { source: directory.name, ...does, notice: directory.notice })
  }
}

function checkedPrefix(prefix: string): string {
  if (prefix !== "" && !/\s/u.test(prefix)) return prefix
  const text = "commandPrefix has to be at least one character, without white space"
  throw new AurochsError("CONFIGURATION", text, { field: "commandPrefix" })
}
