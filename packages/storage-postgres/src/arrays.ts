import type { RawBuilder } from "kysely"
import { sql } from "kysely"

/** Type numbers of PostgreSQL (`pg_type.dat`), which never change. */
const OIDS = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, timestamptz: 1184 } as const

/** Microseconds between 1970 and 2000, where timestamps begin. */
const EPOCH_US = 946_684_800_000_000n

type Encode<T> = (value: T) => Buffer
/** One column of many rows as a parameter. */
type Column<T> = (values: readonly (T | null | undefined)[]) => RawBuilder<unknown>

/**
 * A column of many rows as one parameter: an array in the database's binary form (`array_recv`). Its values need no
 * quoting, and are neither written as text nor read from it.
 */
function array<T>(type: keyof typeof OIDS, encode: Encode<T>): Column<T> {
  return (values) => {
    const encoded = values.map((value) => (value === null || value === undefined ? undefined : encode(value)))
    const size = encoded.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 20)
    const buffer = Buffer.allocUnsafe(size)
    // One dimension (none at all if it is empty), nulls or not, the elements' type; then its length and first index.
    buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0)
    buffer.writeInt32BE(encoded.includes(undefined) ? 1 : 0, 4)
    buffer.writeInt32BE(OIDS[type], 8)
    buffer.writeInt32BE(values.length, 12)
    buffer.writeInt32BE(1, 16)
    let at = 20
    for (const value of encoded) {
      at = buffer.writeInt32BE(value?.length ?? -1, at)
      if (value !== undefined) at += value.copy(buffer, at)
    }
    const whole = values.length === 0 ? buffer.subarray(0, 12) : buffer
    return sql`${whole}::${sql.raw(type)}[]`
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
  text: array<string>("text", (value) => Buffer.from(value)),
  bytea: array<Uint8Array>("bytea", (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
  bool: array<boolean>("bool", (value) => Buffer.of(value ? 1 : 0)),
  int4: array<number>("int4", (value) => {
    const buffer = Buffer.allocUnsafe(4)
    buffer.writeInt32BE(value)
    return buffer
  }),
  int8: array<string>("int8", (value) => int8(BigInt(value))),
  timestamptz: array<Date>("timestamptz", (value) => int8(BigInt(value.getTime()) * 1000n - EPOCH_US)),
}

function int8(value: bigint): Buffer {
  const buffer = Buffer.allocUnsafe(8)
  buffer.writeBigInt64BE(value)
  return buffer
}
