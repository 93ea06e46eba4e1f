import { type Bot, createBot, type KeyEvent } from "@aurochs/bot"
import { type BareJid, formatFingerprint, isAurochsError, throwIfAborted } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { soleUser } from "@aurochs/storage-postgres"
import { xmpp } from "@aurochs/xmpp"
import { type Logger, pino } from "pino"
import type { Config } from "./config.ts"
import { makeFolder } from "./folder.ts"
import { listen } from "./listening.ts"
import { connectionLog, reasonOf } from "./logging.ts"
import { messagesFor } from "./notify.ts"
import { passphraseOf } from "./own-keys.ts"
import { lockService } from "./service-lock.ts"
import { openSources } from "./sources.ts"
import { openStores } from "./stores.ts"
import { trustFor } from "./trust-for.ts"
import { webhook } from "./webhook.ts"

/** Longest wait for the database in `/healthz`; milliseconds. */
const HEALTH_TIMEOUT_MS = 3_000
/** Longest wait for the database, or for a first key, before the webhook answers 503; milliseconds. */
const ACCEPT_TIMEOUT_MS = 8_000

/**
 * Runs the service until `signal` is aborted: webhook in, encrypted messages out.
 *
 * @throws {AurochsError} what makes starting senseless: `CONFIGURATION`, `AUTHENTICATION`, `STORAGE`, `NO_USABLE_KEY`, …
 */
export async function serve(config: Config, signal: AbortSignal): Promise<void> {
  const log = pino({ level: config.logLevel, base: null })
  const sources = await openSources(config.sources)
  await makeFolder(config.storage)
  await using _lock = await lockService(config.storage.folder)
  await using stores = await openStores(config.storage, {
    account: config.jid,
    onError: (error) => log.warn({ reason: reasonOf(error) }, "database connection lost"),
  })
  if (stores.adopted) log.info("took over the database that an earlier run left behind")
  await using sole = await soleUser({ url: stores.databaseUrl, account: config.jid })
  if (sole === undefined) log.warn("another service works for this account on the same database")
  throwIfAborted({ signal })
  const transport = xmpp({
    jid: config.jid,
    password: config.password,
    ...(config.service === undefined ? {} : { service: config.service }),
    state: stores.storage.state,
    onEvent: connectionLog(log),
  })
  const bot = createBot({
    transport,
    provider: openpgpjs(),
    storage: stores.storage,
    ownKey: config.key.create ? "create" : "require",
    passphrase: () => passphraseOf(config),
    sources,
    trust: trustFor(config),
    trustMessages: config.trustMessages,
    log: adapt(log),
    keyNotice: (event) => keyNotice(config, event),
    dispose: false,
    // The lock on the folder is not enough: a database of the operator's own may have a service on another machine.
    exclusive: sole !== undefined,
  })
  bot.onKeys((event) => log.info({ ...event }, "keys of a contact changed"))
  bot.text((ctx) => ctx.reply(answer(config, ctx.message.peer)))
  // The bot goes on until nobody posts any more: it holds the keys that seal what is posted.
  const ending = new AbortController()
  const running = bot.run({ signal: ending.signal })
  // Looked at below; it may fail while the webhook is being opened.
  running.catch(() => {})
  try {
    await whileListening(config, bot, log, () => Promise.race([running, aborted(signal)]))
    ending.abort()
    await running
  } finally {
    ending.abort()
    await running.catch(() => {})
    await transport[Symbol.asyncDispose]()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener("abort", () => resolve(), { once: true })
  })
}

/** What a recipient is told, once, when the account's list has a key that nobody vouches for (attack A5). */
function keyNotice(config: Config, { owner, fingerprint }: KeyEvent): string | undefined {
  if (!config.recipients.some((recipient) => recipient.jid === owner)) return undefined
  return `Your account announces a new key, ${formatFingerprint(fingerprint)}. Notifications are not encrypted to it until the operator approves it. If it is not yours, somebody else changed your account's keys.`
}

function answer(config: Config, peer: BareJid): string {
  return config.recipients.some((recipient) => recipient.jid === peer)
    ? "I am the notification bot. You are one of those who get every notification here."
    : "I am the notification bot. You are not one of those who get notifications."
}

async function whileListening(config: Config, bot: Bot<object>, log: Logger, task: () => Promise<void>): Promise<void> {
  const app = webhook({
    token: config.webhook.token,
    maxBodyBytes: config.webhook.maxBodyBytes,
    async accept(notification, options) {
      const messages = messagesFor(notification, config.recipients, { maxBytes: config.maxMessageBytes })
      // Without a key (a first start while the server is away) nothing can be sealed: 503, and Alertmanager tries again.
      const signal = AbortSignal.any([
        AbortSignal.timeout(ACCEPT_TIMEOUT_MS),
        ...(options.signal ? [options.signal] : []),
      ])
      const ids = await bot.sendAll(messages, { signal })
      log.info({ status: notification.status, queued: ids.length }, "notification queued")
      return { queued: ids.length }
    },
    health: () => health(bot, log),
    onError: (error) => log.error({ reason: reasonOf(error) }, "webhook"),
  })
  await using listening = await listen(app.fetch, config.webhook)
  log.info({ url: `http://${listening.address}:${listening.port}/alertmanager` }, "listening")
  await task()
}

/** Healthy is what can accept: the database answered in time. */
async function health(bot: Bot<object>, log: Logger) {
  try {
    const { connected, ownKey, waiting } = await bot.status({ signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) })
    return { healthy: true, connected, ownKey, waiting }
  } catch (error) {
    log.warn({ reason: reasonOf(error) }, "not healthy")
    return { healthy: false, because: isAurochsError(error) ? error.code : "unexpected" }
  }
}

function adapt(log: Logger) {
  return {
    debug: (message: string, fields?: Record<string, unknown>) => log.debug(fields ?? {}, message),
    info: (message: string, fields?: Record<string, unknown>) => log.info(fields ?? {}, message),
    warn: (message: string, fields?: Record<string, unknown>) => log.warn(fields ?? {}, message),
    error: (message: string, fields?: Record<string, unknown>) => log.error(fields ?? {}, message),
  }
}
