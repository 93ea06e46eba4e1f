import { AurochsError, type Outcome } from "@aurochs/core"
import type { Incoming } from "@aurochs/message"
import type { ArchiveId } from "@aurochs/storage"
import { refusedBecause } from "./allow.ts"
import type { CommandOptions } from "./bot.ts"
import type {
  CommandContext,
  Context,
  ErrorBoundary,
  Handler,
  ReplyContext,
  ReplyResult,
  SecureText,
} from "./context.ts"
import { type Logger, withFields } from "./logger.ts"
import { type AnyMiddleware, runMiddleware } from "./middleware.ts"
import { describeError } from "./retrying.ts"
import { readCommand } from "./words.ts"

/** How old a command may be if nothing else is said: 10 minutes, in milliseconds. */
const DEFAULT_MAX_AGE_MS = 600_000

type AnyHandler = (ctx: object) => unknown

/** What was registered. The types were checked at registration; here they are gone. */
export interface Registry {
  readonly middleware: AnyMiddleware[]
  readonly texts: AnyHandler[]
  readonly commands: Map<string, { readonly options: CommandOptions; readonly handler: AnyHandler }>
  readonly observers: Map<Outcome, AnyHandler[]>
  boundary: ErrorBoundary<Context> | undefined
}

/** Nothing registered. */
export function createRegistry(): Registry {
  return { middleware: [], texts: [], commands: new Map(), observers: new Map(), boundary: undefined }
}

/** @throws {AurochsError} `CONFIGURATION` (`command`) */
export function addCommand(registry: Registry, name: string, options: CommandOptions, handler: Handler<never>): void {
  const key = name.toLowerCase()
  const problem = key === "" || /\s/u.test(key) ? "is no single word" : registry.commands.has(key) && "is there already"
  if (problem) throw new AurochsError("CONFIGURATION", `the command "${name}" ${problem}`, { field: "command" })
  registry.commands.set(key, { options, handler: handler as AnyHandler })
}

/** What handling one message needs from the running bot. */
export interface Handling {
  readonly message: Incoming
  readonly archiveId: ArchiveId
  readonly ageMs: number
  readonly encryption: "require" | "opportunistic"
  readonly prefix: string
  readonly log: Logger
  readonly signal: AbortSignal
  readonly reply: (body: string) => Promise<ReplyResult>
  /** Takes what strangers can cause. */
  readonly warn: Logger["warn"]
  /** A command was refused: for the audit log. */
  readonly onRefused: (command: string, because: string) => Promise<void>
}

/**
 * Gives one message to its handlers: through the middleware to the observers of its outcome, then to a command or the
 * texts. What a handler throws goes to the error boundary, and the next one runs.
 *
 * @throws {AurochsError} `ABORTED`: the time to stop is up, the message does not count as handled
 */
export async function handle(registry: Registry, given: Handling): Promise<void> {
  const { message, archiveId, ageMs, encryption, signal } = given
  const log = withFields(given.log, { archiveId, peer: message.peer, ...stanzaIdIn(message) })
  const base: Context = { account: message.account, message, archiveId, ageMs, encryption, log, signal }

  const guarded = async (work: () => unknown) => {
    try {
      await work()
    } catch (error) {
      if (signal.aborted) throw new AurochsError("ABORTED", "the bot was stopped", undefined, { cause: error })
      await tell(registry.boundary, error, base)
    }
  }

  await guarded(() =>
    runMiddleware(registry.middleware, base, async (ctx) => {
      for (const observer of registry.observers.get(message.kind) ?? []) await guarded(() => observer(ctx))
      const text = answerable(message)
      if (text === undefined) return
      // Frozen again: nobody changes what the next handler sees.
      const replying = Object.freeze({ ...ctx, message: text, reply: given.reply }) as ReplyContext
      const call = readCommand(text.body, given.prefix)
      const command = call === undefined ? undefined : registry.commands.get(call.name)
      if (call === undefined || command === undefined) {
        for (const handler of registry.texts) await guarded(() => handler(replying))
        return
      }
      const commanding: CommandContext = Object.freeze({ ...replying, command: call.name, args: call.args })
      await guarded(async () => {
        const because = await whyNot(command.options, commanding)
        if (because === undefined) return command.handler(commanding)
        given.warn("command refused", { archiveId, peer: message.peer, command: call.name.slice(0, 100), because })
        await given.onRefused(call.name, because)
      })
    }),
  )
}

/** Too old, or not allowed; undefined: go on. */
async function whyNot(options: CommandOptions, ctx: CommandContext): Promise<string | undefined> {
  if (ctx.ageMs > (options.maxAgeMs ?? DEFAULT_MAX_AGE_MS)) return "too-old"
  return refusedBecause(options.allow, ctx)
}

/** Only what others wrote, that is secure and has a body, is answered (attacks A30, A31). */
function answerable(message: Incoming): SecureText | undefined {
  if (message.kind !== "secure" || message.direction !== "in" || message.body === undefined) return undefined
  return { ...message, body: message.body }
}

async function tell(boundary: ErrorBoundary<Context> | undefined, error: unknown, ctx: Context): Promise<void> {
  if (boundary === undefined) {
    return ctx.log.error("a handler failed", { ...describeError(error), at: framesOf(error) })
  }
  try {
    await boundary(error, ctx)
  } catch (again) {
    ctx.log.error("the error boundary failed", { ...describeError(again), at: framesOf(again) })
  }
}

/** Where it was thrown. The text of the error is left out: it may quote the message. */
function framesOf(error: unknown): readonly string[] {
  const stack = error instanceof Error ? (error.stack ?? "") : ""
  const frames = stack.split("\n").map((line) => line.trim())
  return frames.filter((line) => /^at .*:\d+:\d+\)?$/u.test(line)).slice(0, 5)
}

function stanzaIdIn(message: Incoming): { readonly stanzaId?: string } {
  // A stranger chose it.
  return message.stanzaId === undefined ? {} : { stanzaId: message.stanzaId.slice(0, 100) }
}
