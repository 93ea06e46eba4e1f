import type { AuditLog } from "@aurochs/storage"
import { type BoundOptions, createBound } from "./bound.ts"
import { audit, type Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"

type Row = Omit<Parameters<AuditLog["append"]>[0], "at" | "account">

/** Rows of one kind in the audit log, that others can cause. */
export interface BoundedAudit {
  append(row: Row): Promise<void>
  /** Resolves when the number of those that were not written is. */
  told(): Promise<void>
}

/**
 * So many rows a period are written; the others are one row with their number (`detail.more`) when the period is over.
 *
 * @param o.kind of the row with the number
 */
export function boundedAudit(
  parts: Pick<Parts, "account" | "storage" | "clock" | "log">,
  o: Omit<BoundOptions, "clock"> & { readonly kind: string },
): BoundedAudit {
  const more = async (count: number) => {
    try {
      await audit(parts, { kind: o.kind, detail: { more: String(count) } })
    } catch (error) {
      parts.log.error("audit log", { kind: o.kind, more: count, ...describeError(error) })
    }
  }
  const bound = createBound({ ...o, clock: parts.clock }, more)
  return {
    async append(row) {
      if (bound.take()) await audit(parts, row)
    },
    told: bound.told,
  }
}
