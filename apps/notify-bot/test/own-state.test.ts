import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bareJid, fingerprint } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { revocationStateKey } from "@aurochs/keys"
import { memoryStorage } from "@aurochs/storage"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { moveRevocations, ownStateInFiles } from "../src/own-state.ts"
import { readRevocation, writeRevocation } from "../src/revocation-files.ts"

const account = bareJid("bot@example.org")
const print = fingerprint("AB".repeat(20))
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (found: { readonly bytes: Uint8Array } | undefined) => found && new TextDecoder().decode(found.bytes)

function setUp() {
  const [database, files] = [memoryStorage(), memoryStorage()]
  const open = () => ownStateInFiles({ database: database.state, files: files.state })
  return { database, files, open }
}

describe("state of the own key", () => {
  const own = [revocationStateKey(account, print), `own-key/rotation/${account}`, `own-key/${account}`]

  it("is written to the files, never to the database; everything else is not", async () => {
    const { database, files, open } = setUp()
    const state = open()
    for (const key of own) await state.put(key, bytes("x"), { ifVersion: "absent" })
    await state.put("keys/list/a", bytes("y"))
    for (const key of own) {
      expect(await database.state.get(key)).toBeUndefined()
      expect([text(await files.state.get(key)), text(await state.get(key))]).toEqual(["x", "x"])
    }
    expect([text(await database.state.get("keys/list/a")), await files.state.get("keys/list/a")]).toEqual([
      "y",
      undefined,
    ])
    for (const key of [...own, "keys/list/a"]) {
      await state.delete(key)
      expect(await state.get(key)).toBeUndefined()
    }
  })

  it("that an earlier version left in the database is taken over once, counts before what a command line put there, and is removed", async () => {
    const { database, files, open } = setUp()
    for (const key of own) await database.state.put(key, bytes("service"))
    await files.state.put(`own-key/${account}`, bytes("command line"))
    const state = open()
    for (const key of own) {
      const found = await state.get(key)
      expect([text(found), await database.state.get(key)]).toEqual(["service", undefined])
      // The version is that of where it lies now.
      expect(await state.put(key, bytes("newer"), { ifVersion: found?.version })).toMatchObject({ kind: "stored" })
    }
    for (const key of own) expect(text(await open().get(key))).toBe("newer")
  })

  it("is not set back by whoever takes it over at the same time", async () => {
    const { database, open } = setUp()
    const key = `own-key/rotation/${account}`
    await database.state.put(key, bytes("old"))
    const writer = async (name: string) => {
      const state = open()
      for (;;) {
        const before = await state.get(key)
        const after = bytes(`${text(before)} ${name}`)
        if ((await state.put(key, after, { ifVersion: before?.version ?? "absent" })).kind === "stored") return
      }
    }
    await Promise.all(["a", "b", "c", "d"].map(writer))
    const words = text(await open().get(key))?.split(" ") ?? []
    expect(words.toSorted()).toEqual(["a", "b", "c", "d", "old"])
  })

  it("revocation certificates are moved although nobody asks for them, for every key in the audit log", async () => {
    const { database, files, open } = setUp()
    const prints = [print, fingerprint("CD".repeat(20)), fingerprint("EF".repeat(20))]
    for (const one of prints) {
      await database.state.put(revocationStateKey(account, one), bytes(one))
      const kind = one === print ? "own-key-created" : "own-key-rotated"
      await database.audit.append({ at: new Date(), account, kind, subject: account, fingerprint: one })
    }
    await moveRevocations(account, { state: open(), files: files.state, audit: database.audit })
    for (const one of prints) {
      expect(await database.state.get(revocationStateKey(account, one))).toBeUndefined()
      expect(text(await files.state.get(revocationStateKey(account, one)))).toBe(one)
    }
  })
})

describe("a revocation certificate as a file", () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "aurochs-revocation-"))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it("is taken out for nobody else to read, over nothing that is there, and revokes its key", async () => {
    const provider = openpgpjs()
    const { key, revocation } = await provider.generate({ userId: `xmpp:${account}` })
    const { fingerprint, bytes: certificate } = key.certificate
    const { state } = memoryStorage()
    const file = join(folder, "revocation.pgp")
    const taking = { state, account, fingerprint, file }
    await expect(writeRevocation(taking)).rejects.toThrow("There is no revocation certificate")
    await state.put(revocationStateKey(account, fingerprint), revocation ?? new Uint8Array())
    await writeRevocation(taking)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await expect(writeRevocation(taking)).rejects.toThrow("is there already")
    const revoked = await provider.merge(certificate, await readRevocation(file))
    expect((await provider.inspect(revoked.bytes)).revokedAt).toBeDefined()
    expect(await readFile(file)).toHaveLength(revocation?.length ?? 0)
  })

  it("is read armored, too; what is none is refused", async () => {
    const { revocation = new Uint8Array() } = await openpgpjs().generate({ userId: `xmpp:${account}` })
    const armored = join(folder, "revocation.asc")
    const base64 = Buffer.from(revocation).toString("base64")
    await writeFile(armored, `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${base64}\n-----END PGP PUBLIC KEY BLOCK-----\n`)
    expect(Buffer.from(await readRevocation(armored)).equals(Buffer.from(revocation))).toBe(true)
    await writeFile(join(folder, "text"), "no certificate")
    await expect(readRevocation(join(folder, "text"))).rejects.toMatchObject({ code: "BAD_DATA" })
    await expect(readRevocation(join(folder, "nothing"))).rejects.toThrow("cannot be read")
  })
})
