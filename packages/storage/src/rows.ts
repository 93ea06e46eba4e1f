import type { Change, Row, Rows } from "./backing.ts"

/** The rows of one table in memory, with its unique keys. */
export interface RowSet<T extends Row> extends Rows<T> {
  /** The last id ever given; empty if there was none. */
  readonly last: string
  apply(change: Change<T> & { readonly last?: string }): void
}

/** Decimal places of an id: ids compare as text for as long as anybody counts. */
const idDigits = 16

/** An empty set. */
export function rowSet<T extends Row>(keysOf: (row: T) => readonly string[]): RowSet<T> {
  const all = new Map<string, T>()
  const byKey = new Map<string, string>()
  let last = ""
  const forget = (id: string) => {
    const old = all.get(id)
    if (old !== undefined) for (const key of keysOf(old)) if (byKey.get(key) === id) byKey.delete(key)
  }
  return {
    all,
    get last() {
      return last
    },
    find(key) {
      const id = byKey.get(key)
      return id === undefined ? undefined : all.get(id)
    },
    apply(change) {
      if (change.last !== undefined && change.last > last) last = change.last
      for (const row of change.put ?? []) {
        forget(row.id)
        all.set(row.id, row)
        for (const key of keysOf(row)) byKey.set(key, row.id)
        if (row.id > last) last = row.id
      }
      for (const id of change.drop ?? []) {
        forget(id)
        all.delete(id)
      }
    },
  }
}

/** The id `ahead` places behind the one after `last`. */
export function idAfter(last: string, ahead = 0): string {
  return String((last === "" ? 0 : Number(last)) + 1 + ahead).padStart(idDigits, "0")
}

/** Is this text an id? */
export function isId(value: string): boolean {
  return value.length === idDigits && /^[0-9]+$/.test(value)
}
