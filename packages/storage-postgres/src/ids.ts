import { createHash } from "node:crypto"
import { type CallOptions, throwIfAborted } from "@aurochs/core"

/** Decimal places of an id: ids compare as text for as long as anybody counts. */
const idDigits = 16

/** A number of the database as the id of a port. */
export function idOf(number: string): string {
  return number.padStart(idDigits, "0")
}

/** The number of an id; undefined if no row can have this id. */
export function numberOf(id: string): string | undefined {
  return /^[0-9]{1,16}$/.test(id) ? id : undefined
}

/** The numbers of those ids that a row can have, each once. */
export function numbersOf(ids: readonly string[]): string[] {
  return [...new Set(ids)].filter((id) => numberOf(id) !== undefined)
}

export function sha256(value: Uint8Array | string): Buffer {
  return createHash("sha256").update(value).digest()
}

/** A column's bytes as a plain array of bytes. */
export function plainBytes(column: Buffer): Uint8Array {
  return new Uint8Array(column)
}

/** Bytes as a column; nothing is copied. */
export function column(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/**
 * Reads page after page, each behind the last row of the one before: rows that come and go meanwhile neither repeat
 * nor hide others.
 *
 * @param load the next `size` rows behind the given one
 * @param limit of all pages together
 */
export async function* pages<Row>(
  load: (behind: Row | undefined, size: number) => Promise<Row[]>,
  options: CallOptions & { readonly pageSize: number; readonly limit?: number | undefined },
): AsyncGenerator<Row> {
  let rest = options.limit ?? Number.POSITIVE_INFINITY
  for (let behind: Row | undefined; rest > 0; ) {
    throwIfAborted(options)
    const size = Math.min(rest, options.pageSize)
    const rows = await load(behind, size)
    for (const row of rows) {
      throwIfAborted(options)
      yield row
    }
    behind = rows.at(-1)
    rest -= rows.length
    if (rows.length < size) return
  }
}
