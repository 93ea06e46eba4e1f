/**
 * Where a bot says what it does. `fields` are for machines; they never hold plaintext, a key or a passphrase, and
 * nothing a stranger chose except addresses and identifiers.
 */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** Writes `info` and above to standard error, one line each with the fields as JSON. The default of `createBot`. */
export function consoleLogger(): Logger {
  const line = (level: string, message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    console.error(`${level} ${message}${Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`}`)
  return {
    debug: () => {},
    info: (message, fields) => line("info", message, fields),
    warn: (message, fields) => line("warn", message, fields),
    error: (message, fields) => line("error", message, fields),
  }
}

/** Says nothing. */
export function silentLogger(): Logger {
  const nothing = () => {}
  return { debug: nothing, info: nothing, warn: nothing, error: nothing }
}

/** The logger with these fields added to every line. */
export function withFields(log: Logger, added: Readonly<Record<string, unknown>>): Logger {
  return {
    debug: (message, fields) => log.debug(message, { ...added, ...fields }),
    info: (message, fields) => log.info(message, { ...added, ...fields }),
    warn: (message, fields) => log.warn(message, { ...added, ...fields }),
    error: (message, fields) => log.error(message, { ...added, ...fields }),
  }
}
