import { bareJid, fingerprint } from "@aurochs/core"
import { armor as armored } from "@aurochs/crypto/armor"
import * as pgp from "openpgp"
import { describe, expect, test } from "vitest"
import { hkpDirectory } from "../src/hkp/directory.ts"
import { webServer } from "./web-server.ts"

const juliet = bareJid("juliet@example.org")
const armor = (bytes: Uint8Array) => armored("PUBLIC KEY BLOCK", bytes)

async function make(userId: string) {
  const kind = { type: "ecc", curve: "curve25519Legacy" } as const
  const { publicKey } = await pgp.generateKey({ ...kind, userIDs: [{ name: userId }], format: "object" })
  return { bytes: publicKey.write(), fingerprint: fingerprint(publicKey.getFingerprint()) }
}

const [one, other] = [await make("xmpp:juliet@example.org"), await make("xmpp:juliet@example.org")]
const line = (key: { fingerprint: string }, userId = "xmpp%3Ajuliet%40example.org") =>
  `pub:${key.fingerprint}:22:256:1::\nuid:${userId}:1::\n`

/** A key server that says what a test wants to index and get. */
async function asked(o: {
  readonly index?: { status?: number; body?: string; headers?: Record<string, string> }
  readonly get?: { status?: number; body?: string; headers?: Record<string, string> }
  readonly fingerprint?: string
  readonly maxKeys?: number
}) {
  await using server = await webServer((request, response) => {
    const url = new URL(request.url ?? "", "http://x")
    const answer = (url.searchParams.get("op") === "index" ? o.index : o.get) ?? {}
    response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? "")
  })
  const directory = hkpDirectory({
    ...{ server: `http://127.0.0.1:${server.port}`, allowPrivate: ["127.0.0.1"], proxy: "none", maxKeys: o.maxKeys },
  })
  const query =
    o.fingerprint === undefined ? { owner: juliet } : { owner: juliet, fingerprint: fingerprint(o.fingerprint) }
  const items = await Array.fromAsync(directory.lookup(query)).catch((error: unknown) => error)
  return { items, urls: server.asked }
}

describe("the questions", () => {
  test("the index of the exact User ID, escaped; then each certificate by its whole fingerprint", async () => {
    const { items, urls } = await asked({ index: { body: line(one) }, get: { body: armor(one.bytes) } })
    expect(items).toMatchObject([{ bytes: one.bytes, source: "hkp", binds: "nothing" }])
    expect(urls).toEqual([
      "GET /pks/lookup?op=index&options=mr&fingerprint=on&exact=on&search=xmpp%3Ajuliet%40example.org",
      `GET /pks/lookup?op=get&options=mr&search=0x${one.fingerprint}`,
    ])
  })

  test("a lookup by fingerprint asks for that alone", async () => {
    const { urls } = await asked({ fingerprint: one.fingerprint, get: { status: 404 } })
    expect(urls).toEqual([`GET /pks/lookup?op=get&options=mr&search=0x${one.fingerprint}`])
  })

  test("a server whose index has key IDs only is asked by them, and held to them", async () => {
    const index = { body: `pub:${one.fingerprint.slice(-16)}:22:256:1::\nuid:xmpp:juliet@example.org:1::\n` }
    // The colon of the User ID has to be escaped: what is cut there is somebody else's.
    expect((await asked({ index })).items).toEqual([])
    const escaped = { body: index.body.replace("xmpp:", "xmpp%3A") }
    const { items, urls } = await asked({ index: escaped, get: { body: armor(one.bytes) + armor(other.bytes) } })
    expect(items).toMatchObject([{ bytes: one.bytes }])
    expect(urls[1]).toContain(`search=0x${one.fingerprint.slice(-16)}`)
  })
})

describe("the answers", () => {
  test("other keys than were asked for are left out", async () => {
    const { items } = await asked({ index: { body: line(one) }, get: { body: armor(other.bytes) } })
    expect(items).toEqual([])
    const both = await asked({ fingerprint: one.fingerprint, get: { body: armor(other.bytes) + armor(one.bytes) } })
    expect(both.items).toMatchObject([{ bytes: one.bytes }])
  })

  test("keys in the index that name somebody else are not fetched", async () => {
    const strangers = ["juliet%40example.org", "xmpp%3Ajuliet%40example.org.evil", "x%20xmpp%3Ajuliet%40example.org"]
    const { items, urls } = await asked({ index: { body: strangers.map((userId) => line(other, userId)).join("") } })
    expect([items, urls.length]).toEqual([[], 1])
  })

  test("404 with a page is nothing, 200 with a page is an error", async () => {
    const page = "<html><h1>No results found</h1></html>"
    expect((await asked({ index: { status: 404, body: page } })).items).toEqual([])
    expect((await asked({ index: { body: page } })).items).toMatchObject({ code: "BAD_DATA" })
    const { items } = await asked({ fingerprint: one.fingerprint, get: { body: page } })
    expect(items).toMatchObject({ code: "BAD_DATA" })
  })

  test("a certificate that cannot be read, or is gone by now, does not stand in the others' way", async () => {
    const index = { body: line(one) + line(other) }
    const unreadable = [one, other].map((key) => ({
      ...{ missing: key.fingerprint, because: "unreadable", source: "hkp", candidate: true },
    }))
    expect((await asked({ index, get: { body: "<html>" } })).items).toEqual(unreadable)
    expect((await asked({ index, get: { status: 404 } })).items).toEqual([])
  })

  test("a busy server says when to ask again", async () => {
    for (const part of ["index", "get"] as const) {
      const busy = { status: 429, headers: { "retry-after": "90" } }
      const { items } = await asked({ index: { body: line(one) }, [part]: busy })
      expect(items).toMatchObject({ code: "HTTP", details: { status: 429, retryAfterMs: 90_000 } })
    }
  })

  test("an index that is too long is refused, a long one is fetched up to its bound (A19)", async () => {
    const long = line(one).repeat(10_000)
    expect((await asked({ index: { body: long } })).items).toMatchObject({ code: "BAD_DATA" })
    const many = Array.from({ length: 50 }, (_, i) =>
      line({ fingerprint: i.toString(16).padStart(40, "A").toUpperCase() }),
    )
    const { items, urls } = await asked({ index: { body: many.join("") }, get: { status: 404 }, maxKeys: 3 })
    expect(urls).toHaveLength(4)
    expect(items).toHaveLength(47)
  })
})
