import { AurochsError, type BareJid, type Fingerprint } from "@aurochs/core"
import type { AuditEvent, AuditLog } from "@aurochs/storage"
import type { Selectable } from "kysely"
import type { Connection } from "./connection.ts"
import { pages } from "./ids.ts"
import { lockAccount } from "./locks.ts"
import type { AuditTable } from "./schema.ts"

const pageSize = 200

type Row = Selectable<AuditTable>

/** The audit log of one namespace. */
export function auditOn(link: Connection, namespace: string): AuditLog {
  return {
    async append(event, options) {
      await link.transact(
        "audit.append",
        async (db) => {
          await lockAccount(db, "audit", namespace, event.account)
          await db
            .insertInto("audit")
            .values({
              namespace,
              at: event.at,
              account: event.account,
              kind: event.kind,
              subject: event.subject ?? null,
              fingerprint: event.fingerprint ?? null,
              detail: event.detail === undefined ? null : JSON.stringify(event.detail),
            })
            .execute()
        },
        options,
      )
    },
    async *read(query, options) {
      const load = (behind: Row | undefined, size: number) =>
        link.run(
          "audit.read",
          (db) =>
            db
              .selectFrom("audit")
              .selectAll()
              .where("namespace", "=", namespace)
              .where("account", "=", query.account)
              .where("id", ">", behind?.id ?? "0")
              .$if(query.subject !== undefined, (rows) => rows.where("subject", "=", query.subject ?? null))
              .orderBy("id")
              .limit(size)
              .execute(),
          options,
        )
      for await (const row of pages(load, { ...options, pageSize })) yield eventOf(row)
    },
    async [Symbol.asyncDispose]() {},
  }
}

function eventOf(row: Row): AuditEvent {
  return {
    at: row.at,
    account: row.account as BareJid,
    kind: row.kind,
    subject: (row.subject ?? undefined) as BareJid | undefined,
    fingerprint: (row.fingerprint ?? undefined) as Fingerprint | undefined,
    detail: row.detail === null ? undefined : detailOf(row.detail, row.id),
  }
}

function detailOf(json: string, id: string): Readonly<Record<string, string>> {
  const parsed = parse(json)
  if (
    typeof parsed === "object" &&
    parsed !== null &&
    Object.values(parsed).every((value) => typeof value === "string")
  )
    return parsed as Readonly<Record<string, string>>
  throw new AurochsError("STORAGE", `row ${id} of aurochs.audit is damaged`, { operation: "audit.read" })
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
