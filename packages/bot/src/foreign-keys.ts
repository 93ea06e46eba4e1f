import type { Fingerprint } from "@aurochs/core"
import type { AuditLog } from "@aurochs/storage"
import { createBound } from "./bound.ts"
import { boundedAudit } from "./bounded-audit.ts"
import { boundedLines } from "./bounded-lines.ts"
import type { Parts } from "./parts.ts"

/** Rows, lines and events: so many an hour, and then their number. The account's own server can cause any number. */
const HOUR_MS = 3_600_000
/** Keys of others that are remembered as said; of more the oldest may be said again. */
const MAX_NAMED = 256
/** In one line of the log. */
const MAX_IN_A_LINE = 10

/** What is said of keys of others in the account's own list. */
export interface ForeignKeys {
  /** They are in the list. Each is said once, however often the list is looked at. */
  found(fingerprints: readonly Fingerprint[]): void
  /** For whoever looks at the list: writes down as many of them as may be. */
  readonly audit: AuditLog
  /** For any other line that the list can cause. */
  readonly warn: Parts["log"]["warn"]
  /** After the stop: resolves when the numbers are told. */
  told(): Promise<void>
}

/**
 * Makes it.
 *
 * @param onForeign told of a key; `more`: so many others were counted since, and not told
 */
export function foreignKeys(
  parts: Pick<Parts, "account" | "storage" | "clock" | "log">,
  stop: AbortSignal,
  onForeign: (fingerprint: Fingerprint, more?: number) => void,
): ForeignKeys {
  const { clock, log, storage } = parts
  const named = new Set<Fingerprint>()
  const bound = { clock, stop, periodMs: HOUR_MS }
  const warn = boundedLines(log, "warn", { ...bound, what: "more of what the own key list brought" })
  const rows = boundedAudit(parts, { ...bound, kind: "own-list-foreign-keys" })
  let newest: Fingerprint | undefined
  const events = createBound(bound, (more) => {
    if (newest !== undefined) onForeign(newest, more - 1)
  })

  const remember = (one: Fingerprint) => {
    named.add(one)
    for (const oldest of named) {
      if (named.size <= MAX_NAMED) break
      named.delete(oldest)
    }
  }

  return {
    found(fingerprints) {
      const unnamed = fingerprints.filter((one) => !named.has(one))
      if (unnamed.length === 0) return
      const more = unnamed.length - MAX_IN_A_LINE
      const fields = { foreign: unnamed.slice(0, MAX_IN_A_LINE), ...(more > 0 ? { more } : {}) }
      warn("the own key list names keys of others", fields)
      for (const one of unnamed) {
        remember(one)
        newest = one
        if (events.take()) onForeign(one)
      }
    },
    audit: {
      ...storage.audit,
      append: (event, options) =>
        event.kind === "own-list-foreign-key" ? rows.append(event) : storage.audit.append(event, options),
    },
    warn,
    async told() {
      await rows.told()
    },
  }
}
