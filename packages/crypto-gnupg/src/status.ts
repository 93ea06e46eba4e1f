/** One line that gpg wrote to its status descriptor. */
export interface StatusLine {
  readonly keyword: string
  /** As they stand there: percent-escaped where gpg escapes. */
  readonly args: readonly string[]
}

const PREFIX = "[GNUPG:] "

/**
 * Reads what came from the status descriptor. Only that counts: a text, a file name or a User ID may contain lines that
 * look like these, and they reach standard output or the log, which nobody reads here (attack A28).
 */
export function statusLines(text: string): readonly StatusLine[] {
  return text.split("\n").flatMap((line) => {
    if (!line.startsWith(PREFIX)) return []
    const [keyword = "", ...args] = line.slice(PREFIX.length).trimEnd().split(" ")
    return [{ keyword, args }]
  })
}

/** The arguments of the first line with this keyword. */
export function argsOf(status: readonly StatusLine[], keyword: string): readonly string[] | undefined {
  return status.find((line) => line.keyword === keyword)?.args
}

/** Codes of libgpg-error that a caller here cares for. */
const code = {
  badPassphrase: 11,
  noSecretKey: 17,
  timeout: 62,
  noAgent: 77,
  agent: 78,
  noPinEntry: 85,
  badPin: 87,
  canceled: 99,
  noScdaemon: 119,
  scdaemon: 120,
  pinBlocked: 130,
  noPassphrase: 177,
  fullyCanceled: 198,
} as const

const LOCKED: ReadonlySet<number> = new Set([
  code.badPassphrase,
  code.timeout,
  code.noPinEntry,
  code.badPin,
  code.canceled,
  code.noScdaemon,
  code.scdaemon,
  code.pinBlocked,
  code.noPassphrase,
  code.fullyCanceled,
  // Of cards: general, reset, removed, unusable, not there.
  108,
  109,
  110,
  111,
  112,
])

/** Codes of the connection to the agent begin here (Assuan). */
const FIRST_OF_AGENT = 257
const LAST_OF_AGENT = 281

/** The codes of `ERROR` and `FAILURE` lines; the upper half of each number names the component. */
function codes(status: readonly StatusLine[]): readonly number[] {
  return status
    .filter((line) => line.keyword === "ERROR" || line.keyword === "FAILURE")
    .map((line) => Number(line.args[1] ?? "") & 0xffff)
}

/** Did it fail for want of a passphrase, a PIN or a card? Only meaningful of a call that failed. */
export function isLocked(status: readonly StatusLine[]): boolean {
  const asked = status.some((line) => /^(?:NEED_PASSPHRASE(?:_PIN)?|MISSING_PASSPHRASE)$/.test(line.keyword))
  return asked || codes(status).some((one) => LOCKED.has(one))
}

/** Did it fail because the secret key is not there? Newer versions say `NO_SECKEY` also where something else is wrong. */
export function lacksSecret(status: readonly StatusLine[]): boolean {
  if (codes(status).includes(code.noSecretKey)) return true
  return argsOf(status, "NO_SECKEY") !== undefined && argsOf(status, "ERROR") === undefined
}

/** Did it fail because the agent cannot be reached? */
export function lacksAgent(status: readonly StatusLine[]): boolean {
  return codes(status).some(
    (one) => one === code.noAgent || one === code.agent || (one >= FIRST_OF_AGENT && one <= LAST_OF_AGENT),
  )
}
