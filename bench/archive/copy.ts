import { once } from "node:events"
import { finished } from "node:stream/promises"
import type { NewEntry } from "@aurochs/storage"
import type { Client } from "pg"
import { from as copyFrom } from "pg-copy-streams"
import { columnsOf } from "../../packages/storage-postgres/src/archive-row.ts"

const COLUMNS = [
  ...["namespace", "account", "peer", "direction", "digest", "stanza", "stanza_bytes", "openpgp", "openpgp_at", "via"],
  ...["stored_at", "at", "handled"],
]
/** Microseconds between 1970 and 2000, where PostgreSQL's timestamps begin. */
const EPOCH_US = 946_684_800_000_000n

/** The rows of these entries in the binary form of COPY (PostgreSQL documentation, "COPY", "Binary Format"). */
export function copyData(namespace: string, entries: readonly NewEntry[]): Buffer {
  const head = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1")
  const rows = entries.flatMap((entry) => row(namespace, entry))
  return Buffer.concat([head, ...rows, Buffer.from([0xff, 0xff])])
}

function row(namespace: string, entry: NewEntry): Buffer[] {
  const row = columnsOf(entry)
  const at = Buffer.alloc(8)
  at.writeBigInt64BE(BigInt(entry.storedAt.getTime()) * 1000n - EPOCH_US)
  const texts = [namespace, row.account, row.peer, row.direction].map((text) => Buffer.from(text))
  const stanza = [Buffer.from(row.stanza), int(row.stanza_bytes)]
  const openpgp = [row.openpgp, row.openpgp_at === null ? null : int(row.openpgp_at)]
  const values = [...texts, row.digest, ...stanza, ...openpgp, Buffer.from(row.via), at, at]
  const count = Buffer.alloc(2)
  count.writeInt16BE(COLUMNS.length)
  return [
    count,
    ...[...values, Buffer.of(row.handled ? 1 : 0)].flatMap((one) =>
      one === null ? [int(-1)] : [int(one.length), one],
    ),
  ]
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

/** Sends them, in one transaction. */
export async function copy(client: Client, data: Buffer): Promise<void> {
  const stream = client.query(copyFrom(`copy aurochs.archive (${COLUMNS.join(", ")}) from stdin (format binary)`))
  for (let at = 0; at < data.length; at += 65_536) {
    if (!stream.write(data.subarray(at, at + 65_536))) await once(stream, "drain")
  }
  stream.end()
  await finished(stream)
}
