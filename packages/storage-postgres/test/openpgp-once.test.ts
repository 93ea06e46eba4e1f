import { randomBytes } from "node:crypto"
import { bareJid, element, type XmlElement } from "@aurochs/core"
import { type ArchiveEntry, elementToJson, type NewEntry } from "@aurochs/storage"
import { describe, expect, test } from "vitest"
import { postgresStorage } from "../src/index.ts"
import { query, serverOfFile } from "./support/server.ts"

const server = serverOfFile()

const account = bareJid("bot@ox.test")
const peer = bareJid("alice@ox.test")

function entry(children: (base64: string) => readonly (XmlElement | string)[]): NewEntry {
  const openpgp = new Uint8Array(randomBytes(900))
  const inside = children(Buffer.from(openpgp).toString("base64"))
  const stanza = element("message", "jabber:client", { from: peer, to: account }, inside)
  return { account, peer, direction: "in", stanza, openpgp, via: "live", storedAt: new Date(0) }
}

const around = (text: string) => element("openpgp", "urn:xmpp:openpgp:0", {}, [text])
const other = element("store", "urn:xmpp:hints", {})

/** What was read of it, and bytes of its row. */
async function kept(wanted: NewEntry): Promise<{ entry: ArchiveEntry | undefined; bytes: number; shown: number }> {
  await using storage = await postgresStorage({ url: server.it.url })
  const { id } = await storage.archive.append(wanted)
  const rows = await query(
    server.it.url,
    `select octet_length(stanza) + octet_length(openpgp) as bytes, stanza_bytes from aurochs.archive where id = ${Number(id)}`,
  )
  const [row] = rows as { bytes: number; stanza_bytes: number }[]
  return { entry: await storage.archive.get(id), bytes: row?.bytes ?? 0, shown: row?.stanza_bytes ?? 0 }
}

describe("the archive keeps an OpenPGP message once", () => {
  test("as bytes; the stanza that is read is the one that was carried, and its size is what it was", async () => {
    const wanted = entry((base64) => ["text", other, around(base64), other])
    const found = await kept(wanted)
    expect(found.entry).toMatchObject({ stanza: wanted.stanza, openpgp: wanted.openpgp })
    expect(found.bytes).toBeLessThan(900 + 400)
    expect(found.shown).toBe(Buffer.byteLength(elementToJson(wanted.stanza)))
  })

  test("what is not exactly those bytes in Base64 stays as it was written", async () => {
    for (const odd of [
      (base64: string) => [around(base64.replace(/(.{76})/g, "$1\n"))],
      (base64: string) => [around(` ${base64}`)],
      (base64: string) => [base64],
      (base64: string) => [element("openpgp", "urn:xmpp:openpgp:0", {}, [other, base64])],
      () => [other],
    ]) {
      const wanted = entry(odd)
      expect((await kept(wanted)).entry).toMatchObject({ stanza: wanted.stanza, openpgp: wanted.openpgp })
    }
  })

  test("a row without a place for it is damaged: STORAGE", async () => {
    await using storage = await postgresStorage({ url: server.it.url })
    const { id } = await storage.archive.append(entry((base64) => [around(base64)]))
    await query(server.it.url, `update aurochs.archive set openpgp_at = 3 where id = ${Number(id)}`)
    await expect(storage.archive.get(id)).rejects.toMatchObject({ code: "STORAGE" })
  })
})
