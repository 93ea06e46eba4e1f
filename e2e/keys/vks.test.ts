// No verifying key server is packaged: a scripted one stands in for it that follows the published interface
// (https://keys.openpgp.org/about/api): paths, upper-case hex, status codes, what it gives out of an upload.
import { describeKeyDirectory } from "@aurochs/conformance"
import { type BareJid, bareJid } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import { updateKnownKeys } from "@aurochs/keys"
import { type VksDirectory, vksDirectory } from "@aurochs/keys/vks"
import { memoryStorage } from "@aurochs/storage"
import * as pgp from "openpgp"
import { describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, type Made, makeKey, romeo, standingClock } from "./people.ts"
import { vksServer } from "./vks-server.ts"

const { provider, keys } = await julietKeys(2)
const [one, two] = keys as [Made, Made]

async function setUp(o: { upload?: boolean } = {}) {
  const server = await vksServer()
  const url = `http://127.0.0.1:${server.port}`
  const directory = vksDirectory({ server: url, allowPrivate: ["127.0.0.1"], proxy: "none", ...o })
  return { server, directory, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

describeKeyDirectory(
  "vks, scripted server",
  async () => {
    const { server, directory } = await setUp()
    return {
      directory,
      owner: juliet,
      certificates: keys.map((key) => key.small),
      stock: async (certificates: readonly CertificateInfo[]) => {
        for (const one of certificates) await server.publish(one.bytes, [juliet], "whole")
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
  { onlyReads: true },
)

const lookup = (directory: VksDirectory, owner: BareJid, made?: Made) =>
  collect(directory.lookup({ owner, fingerprint: made?.small.fingerprint }))

describe("asking (scripted server)", () => {
  test("by fingerprint in upper case without 0x, by address escaped, by key ID", async () => {
    await using t = await setUp()
    await t.server.publish(one.small.bytes, [juliet])
    await lookup(t.directory, juliet, one)
    await lookup(t.directory, juliet)
    const keyId = one.small.fingerprint.slice(-16).toLowerCase()
    expect(await collect(t.directory.byKeyId(keyId, juliet))).toHaveLength(1)
    expect(t.server.asked).toEqual([
      `GET /vks/v1/by-fingerprint/${one.small.fingerprint}`,
      "GET /vks/v1/by-email/juliet%40example.org",
      `GET /vks/v1/by-keyid/${keyId.toUpperCase()}`,
    ])
  })

  test("a subkey's key ID leads to the certificate; what is no key ID is not asked for", async () => {
    await using t = await setUp()
    await t.server.publish(one.small.bytes, [])
    const [subkey] = (await pgp.readKey({ binaryKey: one.small.bytes })).getSubkeys()
    expect(await collect(t.directory.byKeyId(subkey?.getKeyID().toHex() ?? "", juliet))).toHaveLength(1)
    for (const text of ["0x1234567812345678", "12345678", "../../../../etc/1"]) {
      await expect(collect(t.directory.byKeyId(text, juliet))).rejects.toMatchObject({ code: "BAD_DATA" })
    }
    expect(t.server.asked).toHaveLength(1)
  })

  test("without any xmpp: User ID: a candidate that becomes nobody's key (R17)", async () => {
    await using t = await setUp()
    await t.server.publish(one.small.bytes, [juliet])
    const [found] = await lookup(t.directory, juliet)
    expect(found).toMatchObject({ source: "vks", binds: "nothing" })
    const info = await provider.inspect(found && "bytes" in found ? found.bytes : new Uint8Array())
    expect([info.fingerprint, info.userIds]).toEqual([one.small.fingerprint, []])
  })

  test("another certificate than was asked for is left out", async () => {
    await using t = await setUp()
    t.server.answerWith({ status: 200, body: two.small.bytes })
    expect(await lookup(t.directory, juliet, one)).toEqual([])
  })

  test.each([
    [404, "<html>not found</html>", undefined],
    [400, "{}", { status: 400 }],
    [429, "slow down", { status: 429, retryAfterMs: 60_000 }],
    [503, "", { status: 503, retryAfterMs: 60_000 }],
  ])("%i is told as what it is", async (status, body, details) => {
    await using t = await setUp()
    t.server.answerWith({ status, body, headers: status > 404 ? { "retry-after": "60" } : {} })
    const result = lookup(t.directory, juliet, one)
    if (details === undefined) expect(await result).toEqual([])
    else await expect(result).rejects.toMatchObject({ code: "HTTP", details })
  })

  test("a page instead of a key is an error, not nothing", async () => {
    await using t = await setUp()
    t.server.answerWith({ status: 200, body: "<html>maintenance</html>" })
    await expect(lookup(t.directory, juliet, one)).rejects.toMatchObject({ code: "BAD_DATA" })
  })
})

test("a key that is known is refreshed: revocation without any User ID (scripted server, A21)", async () => {
  await using t = await setUp()
  const made = await makeKey(provider, juliet)
  const storage = memoryStorage()
  const { fingerprint, bytes } = made.small
  await storage.keys.put({
    ...{ fingerprint, bytes, owner: juliet, firstSeen: new Date("2026-11-20T00:00:00Z") },
    ...{ source: "pep", binds: "account", announced: true, approval: "none" },
  })
  const revoked = await provider.lifecycle?.revoke(made.key, { now: new Date("2026-11-21T00:00:00Z") })
  await t.server.publish(revoked?.bytes ?? new Uint8Array(), [])
  const { known, changed } = await updateKnownKeys({
    ...{ owner: juliet, directory: t.directory, keys: storage.keys, provider, account: romeo, clock: standingClock() },
  })
  expect(changed.map(({ kind }) => kind).toSorted()).toEqual(["key-changed", "key-revoked"])
  const info = await provider.inspect(known[0]?.bytes ?? new Uint8Array())
  expect(info.revokedAt).toBeDefined()
  expect(info.userIds.map(({ text }) => text)).toEqual([`xmpp:${juliet}`])
})

describe("uploading (scripted server)", () => {
  test("has to be switched on: it cannot be taken back", async () => {
    await using t = await setUp()
    expect(t.directory.publish).toBeUndefined()
    const refusal = { code: "CONFIGURATION", details: { field: "upload" } }
    await expect(t.directory.upload(one.small)).rejects.toMatchObject(refusal)
    await expect(t.directory.requestVerify("t", ["a@example.org"])).rejects.toMatchObject(refusal)
    expect(t.server.asked).toEqual([])
    await using switched = await setUp({ upload: true })
    expect(switched.directory.notice).toMatch(/cannot be taken back/)
    expect(switched.directory.retract).toBeUndefined()
  })

  test("keys are there at once, addresses after their owner's click, xmpp: User IDs never", async () => {
    await using t = await setUp({ upload: true })
    const made = await makeKey(provider, bareJid("nurse@example.org"), { userId: "nurse@example.org" })
    const upload = await t.directory.upload(made.small)
    expect(upload).toMatchObject({
      fingerprint: made.small.fingerprint,
      status: { "nurse@example.org": "unpublished" },
    })
    const asked = await t.directory.requestVerify(upload.token, ["nurse@example.org"])
    expect(asked.status).toEqual({ "nurse@example.org": "pending" })
    expect(await lookup(t.directory, bareJid("nurse@example.org"))).toEqual([])
    t.server.click("nurse@example.org")
    expect(await lookup(t.directory, bareJid("nurse@example.org"))).toHaveLength(1)

    await t.directory.publish?.(one.small)
    const [found] = await lookup(t.directory, juliet, one)
    expect((await provider.inspect(found && "bytes" in found ? found.bytes : new Uint8Array())).userIds).toEqual([])
    expect(await lookup(t.directory, juliet)).toEqual([])
  })

  test("a secret key and another certificate are refused before anything is sent", async () => {
    await using t = await setUp({ upload: true })
    const secret = await provider.secrets?.export(one.key, { passphrase: "none" })
    const { fingerprint } = one.small
    for (const bytes of [secret ?? new Uint8Array(), two.small.bytes]) {
      await expect(t.directory.upload({ fingerprint, bytes })).rejects.toMatchObject({ code: "BAD_DATA" })
    }
    expect(t.server.asked).toEqual([])
  })

  test("an answer that is none is BAD_DATA", async () => {
    await using t = await setUp({ upload: true })
    for (const body of ["[]", "null", "{}", "<html>"]) {
      t.server.answerWith({ status: 200, body })
      await expect(t.directory.upload(one.small)).rejects.toMatchObject({ code: "BAD_DATA" })
    }
  })
})
