import { AurochsError, type CallOptions, cryptoRandom, randomId, throwIfAborted } from "@aurochs/core"
import type { Backing, Rows, Transaction } from "./backing.ts"
import { type Leased, maxRunBytes, type NewOutboxEntry, type Outbox, type OutboxId } from "./outbox.ts"
import {
  keysOf,
  type OutboxRow,
  outboxKey,
  rowFormat,
  sealedFormat,
  sentKey,
  settled,
  shown,
  waitingRow,
} from "./outbox-row.ts"

/** An outbox on any backing. */
export function outboxOn(backing: Backing): Outbox {
  const blobs = backing.blobs("outbox", sealedFormat)
  const table = backing.table<OutboxRow>({ name: "outbox", format: rowFormat, keysOf, blobs })
  const random = cryptoRandom()

  /** Puts the changed rows; the number of them. */
  const change = (operation: string, pick: (rows: Rows<OutboxRow>) => OutboxRow[], options?: CallOptions) =>
    table.write(
      operation,
      async (tx) => {
        const put = pick(tx.rows)
        if (put.length > 0) await tx.commit({ put })
        return put.length
      },
      options,
    )

  return {
    enqueue: (entries, options) =>
      table.write(
        "outbox.enqueue",
        async (tx) => {
          const { ids, fresh, parked } = place(tx, entries)
          if (fresh.length > 0) {
            await blobs.put(
              "outbox.enqueue",
              fresh.map(({ row, entry }) => ({ id: row.id, value: entry.sealed })),
            )
          }
          const put = [...parked.map(unparked), ...fresh.map(({ row }) => row)]
          if (put.length > 0) await tx.commit({ put })
          return ids
        },
        options,
      ),

    claim: (options) =>
      table.write(
        "outbox.claim",
        async (tx) => {
          const leaseEndsAt = new Date(options.now.getTime() + options.leaseMs)
          const put: OutboxRow[] = []
          const leased: Leased[] = []
          const lease = randomId(random)
          for (const row of claimable(tx.rows, options)) {
            const sealed = await blobs.get("outbox.claim", row.id)
            if (sealed === undefined)
              throw new AurochsError("STORAGE", `the content of outbox entry ${row.id} is gone`, {
                operation: "outbox.claim",
              })
            const next: OutboxRow = {
              ...row,
              state: "leased",
              attempts: row.attempts + 1,
              retryAt: undefined,
              lease,
              leaseEndsAt,
            }
            put.push(next)
            leased.push(leasedOf(next, lease, sealed))
          }
          if (put.length > 0) await tx.commit({ put })
          return leased
        },
        options,
      ),

    async settle(leased, result, options) {
      const changed = await change(
        "outbox.settle",
        (rows) => {
          const row = rows.all.get(leased.id)
          return row?.state === "leased" && row.lease === leased.lease ? [settled(row, result)] : []
        },
        options,
      )
      return changed === 1 ? "settled" : "lost"
    },

    async returned(sent, result, options) {
      const changed = await change(
        "outbox.returned",
        (rows) => {
          const row = rows.find(sentKey(sent))
          return row?.state === "sent" && row.sealedBytes > 0 ? [settled(row, result)] : []
        },
        options,
      )
      return changed === 1 ? "settled" : "unknown"
    },

    forgetSent: (account, before, options) =>
      table.write(
        "outbox.forgetSent",
        async (tx) => {
          const old = [...tx.rows.all.values()].filter(
            (row) =>
              row.account === account && row.state === "sent" && row.sealedBytes > 0 && (row.sentAt ?? before) < before,
          )
          if (old.length === 0) return 0
          await tx.commit({ put: old.map((row) => ({ ...row, sealedBytes: 0 })) })
          await blobs.drop(
            "outbox.forgetSent",
            old.map((row) => row.id),
          )
          return old.length
        },
        options,
      ),

    async wake(account, options) {
      await change(
        "outbox.wake",
        (rows) =>
          [...rows.all.values()]
            .filter(
              (row) =>
                row.account === account &&
                row.state === "waiting" &&
                row.retryAt !== undefined &&
                (options?.recipient === undefined || row.recipient === options.recipient),
            )
            .map((row) => ({ ...row, retryAt: undefined })),
        options,
      )
    },

    release: (account, options) =>
      change(
        "outbox.release",
        (rows) =>
          [...rows.all.values()]
            .filter((row) => row.account === account && row.state === "leased")
            .map((row) => ({ ...row, state: "waiting", lease: undefined, leaseEndsAt: undefined })),
        options,
      ),

    unpark: (ids, options) =>
      change(
        "outbox.unpark",
        (rows) =>
          known(rows, ids)
            .filter((row) => row.state === "parked")
            .map(unparked),
        options,
      ),

    waiting: (account, options) =>
      table.read(
        "outbox.waiting",
        ({ all }) => {
          let count = 0
          for (const row of all.values())
            if (row.account === account && (row.state === "waiting" || row.state === "leased")) count += 1
          return count
        },
        options,
      ),

    async *list(account, options) {
      const rows = await table.read(
        "outbox.list",
        ({ all }) =>
          [...all.values()].filter(
            (row) => row.account === account && (row.state !== "sent" || options?.includeSent === true),
          ),
        options,
      )
      for (const row of rows) {
        throwIfAborted(options)
        yield shown(row)
      }
    },

    drop: (ids, options) =>
      table.write(
        "outbox.drop",
        async (tx) => {
          const drop = known(tx.rows, ids).map((row) => row.id)
          if (drop.length === 0) return 0
          await tx.commit({ drop })
          await blobs.drop("outbox.drop", drop)
          return drop.length
        },
        options,
      ),

    [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
  }
}

/** Gives each entry its id: the one it has by its key, or a new one. `parked`: those known that are put back. */
function place(tx: Transaction<OutboxRow>, entries: readonly NewOutboxEntry[]) {
  const parked = new Map<string, OutboxRow>()
  const fresh = new Map<string, { readonly row: OutboxRow; readonly entry: NewOutboxEntry }>()
  const ids = entries.map((entry) => {
    const key = outboxKey(entry)
    const known = fresh.get(key)?.row ?? tx.rows.find(key)
    if (known?.state === "parked") parked.set(key, known)
    if (known !== undefined) return known.id as OutboxId
    const row = waitingRow(tx.nextId(fresh.size), entry)
    fresh.set(key, { row, entry })
    return row.id as OutboxId
  })
  return { ids, fresh: [...fresh.values()], parked: [...parked.values()] }
}

function unparked(row: OutboxRow): OutboxRow {
  return { ...row, state: "waiting", because: undefined }
}

/** The run at the head of each recipient's line, if its time has come; in the order of entry. */
function claimable(rows: Rows<OutboxRow>, o: Parameters<Outbox["claim"]>[0]): OutboxRow[] {
  const runs = new Map<string, { count: number; bytes: number; isOver: boolean }>()
  const perRecipient = o.perRecipient ?? 1
  const found: OutboxRow[] = []
  let lines = 0
  for (const row of rows.all.values()) {
    if (row.account !== o.account || row.state === "sent" || row.state === "parked") continue
    const run = runs.get(row.recipient) ?? { count: 0, bytes: 0, isOver: false }
    runs.set(row.recipient, run)
    if (run.isOver) continue
    const isHead = run.count === 0
    const heldUntil = row.state === "leased" ? row.leaseEndsAt : row.retryAt
    const isDue = heldUntil === undefined || heldUntil <= o.now
    const fits = isHead ? lines < o.limit : run.count < perRecipient && run.bytes + row.sealedBytes <= maxRunBytes
    if (!isDue || !fits) {
      run.isOver = true
      continue
    }
    if (isHead) lines += 1
    run.count += 1
    run.bytes += row.sealedBytes
    found.push(row)
  }
  return found
}

function leasedOf(row: OutboxRow, lease: string, sealed: Uint8Array): Leased {
  const { account, recipient, key, enqueuedAt, attempts, lostConnections } = row
  return { id: row.id as OutboxId, account, recipient, key, enqueuedAt, sealed, attempts, lostConnections, lease }
}

function known(rows: Rows<OutboxRow>, ids: readonly OutboxId[]): OutboxRow[] {
  return [...new Set(ids)].flatMap((id) => rows.all.get(id) ?? [])
}
