import type { RawBuilder } from "kysely"
import { sql } from "kysely"

/** Type numbers of PostgreSQL (`pg_type.dat`), which never change. */
const OIDS = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, timestamptz: 1184 } as const

/** Microseconds between 1970 and 2000, where timestamps begin. */
const EPOCH_US = 946_684_800_000_000n

/** The binary form of a type. */
interface Form<T> {
  /** Bytes of a value. */
  size(value: T): number
  /** Writes them. */
  write(buffer: Buffer, value: T, at: number): unknown
}
/** One column of many rows as a parameter. */
type Column<T> = (values: readonly (T | null | undefined)[]) => RawBuilder<unknown>

/**
 * A column of many rows as one parameter: an array in the database's binary form (`array_recv`). Its values need no
 * quoting, and are neither written as text nor read from it; all go into one buffer.
 */
function array<T>(type: keyof typeof OIDS, { size, write }: Form<T>): Column<T> {
  return (values) => {
    const sizes = values.map((value) => (value === null || value === undefined ? -1 : size(value)))
    const whole = sizes.reduce((sum, bytes) => sum + 4 + Math.max(0, bytes), 20)
    const buffer = Buffer.allocUnsafe(whole)
    // One dimension (none at all if it is empty), nulls or not, the elements' type; then its length and first index.
    buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0)
    buffer.writeInt32BE(sizes.includes(-1) ? 1 : 0, 4)
    buffer.writeInt32BE(OIDS[type], 8)
    buffer.writeInt32BE(values.length, 12)
    buffer.writeInt32BE(1, 16)
    let at = 20
    for (const [place, value] of values.entries()) {
      const bytes = sizes[place] ?? -1
      at = buffer.writeInt32BE(bytes, at)
      if (value === null || value === undefined) continue
      write(buffer, value, at)
      at += bytes
    }
    return sql`${values.length === 0 ? buffer.subarray(0, 12) : buffer}::${sql.raw(type)}[]`
  }
}

/** Columns of many rows, as parameters. */
export const arrays: {
  readonly text: Column<string>
  readonly bytea: Column<Uint8Array>
  readonly bool: Column<boolean>
  readonly int4: Column<number>
  readonly int8: Column<string>
  readonly timestamptz: Column<Date>
} = {
  text: array<string>("text", {
    size: (value) => Buffer.byteLength(value),
    write: (buffer, value, at) => buffer.write(value, at),
  }),
  bytea: array<Uint8Array>("bytea", {
    size: (value) => value.length,
    write: (buffer, value, at) => buffer.set(value, at),
  }),
  bool: array<boolean>("bool", {
    size: () => 1,
    write: (buffer, value, at) => buffer.writeUInt8(value ? 1 : 0, at),
  }),
  int4: array<number>("int4", { size: () => 4, write: (buffer, value, at) => buffer.writeInt32BE(value, at) }),
  int8: array<string>("int8", {
    size: () => 8,
    write: (buffer, value, at) => buffer.writeBigInt64BE(BigInt(value), at),
  }),
  timestamptz: array<Date>("timestamptz", {
    size: () => 8,
    write: (buffer, value, at) => buffer.writeBigInt64BE(BigInt(value.getTime()) * 1000n - EPOCH_US, at),
  }),
}
