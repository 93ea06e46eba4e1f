import { type BareJid, cryptoRandom, type Fingerprint, type KnownKey, randomId, throwIfAborted } from "@aurochs/core"
import type { KeyStore, SecretStore, StateStore } from "@aurochs/storage"
import { type Insertable, type Selectable, sql } from "kysely"
import type { Connection } from "./connection.ts"
import { column, plainBytes, sha256 } from "./ids.ts"
import { lockAccount } from "./locks.ts"
import type { Database, KeysTable, StateTable } from "./schema.ts"

/** The keys of one namespace. */
export function keysOn(link: Connection, namespace: string): KeyStore {
  return {
    async *keysOf(owner, options) {
      const rows = await link.often(
        "keys.keysOf",
        (db) =>
          db
            .selectFrom("keys")
            .selectAll()
            .where("namespace", "=", namespace)
            .where("owner", "=", owner)
            .orderBy("first_seen")
            .orderBy("arrival")
            .execute(),
        options,
      )
      for (const row of rows) {
        throwIfAborted(options)
        yield knownKey(row)
      }
    },
    async *owners(options) {
      const { rows } = await link.run(
        "keys.owners",
        (db) =>
          sql<{ owner: string }>`select owner from aurochs.keys where namespace = ${namespace}
            group by owner order by owner collate "C"`.execute(db),
        options,
      )
      for (const row of rows) {
        throwIfAborted(options)
        yield row.owner as BareJid
      }
    },
    async put(key, options) {
      const { owner, fingerprint, ...changing } = columnsOf(key)
      const { ifBytes } = options ?? {}
      const put = async (db: Database): Promise<bigint | undefined> => {
        if (ifBytes instanceof Uint8Array) {
          const at = db.updateTable("keys").set(changing).where("namespace", "=", namespace)
          const row = at.where("owner", "=", owner).where("fingerprint", "=", fingerprint)
          return (await row.where("bytes", "=", Buffer.from(ifBytes)).executeTakeFirst()).numUpdatedRows
        }
        const insert = db.insertInto("keys").values({ namespace, owner, fingerprint, ...changing })
        const inserted = insert.onConflict((conflict) => {
          const there = conflict.columns(["namespace", "owner", "fingerprint"])
          return ifBytes === "absent" ? there.doNothing() : there.doUpdateSet(changing)
        })
        return (await inserted.executeTakeFirst()).numInsertedOrUpdatedRows
      }
      const changed = await link.run("keys.put", put, options)
      return { kind: changed === 0n ? "conflict" : "stored" }
    },
    async remove(owner, fingerprint, options) {
      await link.run(
        "keys.remove",
        (db) =>
          db
            .deleteFrom("keys")
            .where("namespace", "=", namespace)
            .where("owner", "=", owner)
            .where("fingerprint", "=", fingerprint)
            .execute(),
        options,
      )
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** The secret keys of one namespace. */
export function secretsOn(link: Connection, namespace: string): SecretStore {
  return {
    load: (account, options) =>
      link.run(
        "secrets.load",
        async (db) => {
          const rows = await db
            .selectFrom("secrets")
            .select("bytes")
            .where("namespace", "=", namespace)
            .where("account", "=", account)
            .orderBy("id")
            .execute()
          return rows.map((row) => plainBytes(row.bytes))
        },
        options,
      ),
    async save(account, secret, options) {
      await link.transact(
        "secrets.save",
        async (db) => {
          await lockAccount(db, "secrets", namespace, account)
          await db
            .insertInto("secrets")
            .values({ namespace, account, digest: sha256(secret), bytes: column(secret) })
            .onConflict((conflict) => conflict.doNothing())
            .execute()
        },
        options,
      )
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** The small values of one namespace. */
export function stateOn(link: Connection, namespace: string): StateStore {
  const random = cryptoRandom()
  return {
    get: (key, options) =>
      link.often(
        "state.get",
        async (db) => {
          const row = await db
            .selectFrom("state")
            .select(["bytes", "version"])
            .where("namespace", "=", namespace)
            .where("key", "=", key)
            .executeTakeFirst()
          return row && { bytes: plainBytes(row.bytes), version: row.version }
        },
        options,
      ),
    put: (key, value, options) =>
      link.run(
        "state.put",
        async (db) => {
          // Random, so that a value that was deleted and made again never has an old version.
          const changed = { bytes: column(value), version: randomId(random) }
          const wanted = options?.ifVersion
          const row = await (wanted === undefined || wanted === "absent"
            ? insertState(db, { namespace, key, ...changed }, wanted === undefined)
            : db
                .updateTable("state")
                .set(changed)
                .where("namespace", "=", namespace)
                .where("key", "=", key)
                .where("version", "=", wanted)
                .returning("version")
                .executeTakeFirst())
          return row === undefined ? { kind: "conflict" } : { kind: "stored", version: row.version }
        },
        options,
      ),
    async delete(key, options) {
      await link.run(
        "state.delete",
        (db) => db.deleteFrom("state").where("namespace", "=", namespace).where("key", "=", key).execute(),
        options,
      )
    },
    async [Symbol.asyncDispose]() {},
  }
}

function insertState(db: Database, row: Insertable<StateTable>, replace: boolean) {
  const { bytes, version } = row
  return db
    .insertInto("state")
    .values(row)
    .onConflict((conflict) =>
      replace ? conflict.columns(["namespace", "key"]).doUpdateSet({ bytes, version }) : conflict.doNothing(),
    )
    .returning("version")
    .executeTakeFirst()
}

function columnsOf(key: KnownKey) {
  return {
    owner: key.owner,
    fingerprint: key.fingerprint,
    bytes: column(key.bytes),
    first_seen: key.firstSeen,
    source: key.source,
    binds: key.binds,
    announced: key.announced,
    approval: key.approval,
  }
}

function knownKey(row: Selectable<KeysTable>): KnownKey {
  return {
    owner: row.owner as BareJid,
    fingerprint: row.fingerprint as Fingerprint,
    bytes: plainBytes(row.bytes),
    firstSeen: row.first_seen,
    source: row.source,
    binds: row.binds,
    announced: row.announced,
    approval: row.approval,
  }
}
