import { type BareJid, bareJid } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { memoryStorage, type Storage } from "@aurochs/storage"
import { vi } from "vitest"
import { type Bot, type BotOptions, type Context, createBot, type Logger } from "../src/index.ts"
import { provider } from "./peers.ts"
import type { Client, World } from "./world.ts"

export const botJid: BareJid = bareJid("bot@example.org")

/** A line of the log. */
export interface Line {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

/** A logger that keeps its lines. */
export function keepingLogger(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = []
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    lines.push({ level, message, fields })
  }
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }
}

/** A storage that says it lasts: for bots of tests that make their own key. */
export function lastingStorage(): Storage {
  return { ...memoryStorage(), durable: true }
}

/** A running bot. */
export interface Running {
  readonly bot: Bot<Context>
  readonly storage: Storage
  readonly client: Client
  readonly log: ReturnType<typeof keepingLogger>
  /** The bot's own certificate, once it is ready. */
  readonly certificate: SecretKey["certificate"]
  readonly running: Promise<void>
  stop(): Promise<void>
}

/** Starts a bot and waits until it is ready. */
export async function startBot(
  world: World,
  prepare: (bot: Bot<Context>) => unknown = () => {},
  options: Partial<BotOptions> = {},
): Promise<Running> {
  const storage = await (options.storage ?? lastingStorage())
  const client = world.connect(botJid)
  const log = keepingLogger()
  const bot = createBot({ transport: client, provider, log, graceMs: 2000, ...options, storage })
  prepare(bot)
  const ready = Promise.withResolvers<void>()
  bot.onReady(() => ready.resolve())
  const stopping = new AbortController()
  const running = bot.run({ signal: stopping.signal })
  running.catch(ready.reject)
  await ready.promise
  const [secret] = await storage.secrets.load(botJid)
  const [key] = await provider.importSecret(secret ?? new Uint8Array())
  if (key === undefined) throw new Error("the bot has no key")
  return {
    bot,
    storage,
    client,
    log,
    certificate: key.certificate,
    running,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Waits until this holds. */
export function eventually(check: () => unknown, timeout = 5000): Promise<unknown> {
  return vi.waitFor(check, { timeout, interval: 10 })
}
