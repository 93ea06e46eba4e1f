import { type AurochsErrorCode, isAurochsError } from "@aurochs/core"

/** The exit codes of every Aurochs program. */
export const exitCodes = {
  done: 0,
  unexpected: 1,
  usage: 2,
  notVerified: 3,
  noUsableKey: 4,
  network: 5,
  storage: 6,
} as const

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** For `--help`. */
export const exitCodeHelp: string =
  "Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 rejected or unverified, 4 no usable key, 5 network or authentication, 6 storage"

/** A mistake in how the program was called; its message says what to do. */
export class UsageError extends Error {}

const byCode: Readonly<Record<AurochsErrorCode, ExitCode>> = {
  ABORTED: exitCodes.unexpected,
  BAD_DATA: exitCodes.usage,
  CANNOT_DECRYPT: exitCodes.notVerified,
  KEY_LOCKED: exitCodes.noUsableKey,
  NO_USABLE_KEY: exitCodes.noUsableKey,
  UNSUPPORTED: exitCodes.usage,
  BACKEND: exitCodes.unexpected,
  NETWORK: exitCodes.network,
  STANZA_ERROR: exitCodes.network,
  HTTP: exitCodes.network,
  AUTHENTICATION: exitCodes.network,
  CONFIGURATION: exitCodes.usage,
  STORAGE: exitCodes.storage,
}

/** Which exit code an error stands for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return exitCodes.usage
  return isAurochsError(error) ? byCode[error.code] : exitCodes.unexpected
}
