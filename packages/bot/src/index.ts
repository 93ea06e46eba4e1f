export type { Allow } from "./allow.ts"
export type { Bot, BotOptions, BotStatus, CommandOptions, OutgoingText } from "./bot.ts"
export type {
  CommandContext,
  Context,
  ErrorBoundary,
  Handler,
  Middleware,
  Next,
  ObserverContext,
  ReplyContext,
  ReplyResult,
  SecureText,
} from "./context.ts"
export { createBot } from "./create-bot.ts"
export type { KeyEvent, KeyEventHandler } from "./key-event.ts"
export { consoleLogger, type Logger, silentLogger } from "./logger.ts"
