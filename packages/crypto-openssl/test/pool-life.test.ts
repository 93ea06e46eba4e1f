import { execFile } from "node:child_process"
import { setTimeout as sleep, setImmediate as soon } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { isAurochsError } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, test, vi } from "vitest"
import { type PoolProvider, pool } from "../src/pool/index.ts"
import { restarts } from "../src/pool/restarts.ts"

const mortal = new URL("./pool-mortal.ts", import.meta.url)
const utf8 = new TextEncoder()
/** A key that the engine under test holds by itself. */
const HELD = "0123456789ABCDEF0123456789ABCDEF01234567"

const codeOf = (error: unknown) => (isAurochsError(error) ? error.code : error)
const end = (provider: PoolProvider) =>
  provider.minimize(new Uint8Array(), { keepUserId: "" }).then(() => "done", codeOf)

/** The threads that have this key. */
async function threadsWith(provider: PoolProvider, signWith: SecretKey): Promise<ReadonlySet<number>> {
  const asked = Array.from({ length: 16 }, () => provider.sign(utf8.encode("x"), { signWith }))
  return new Set((await Promise.all(asked)).map(([id]) => id ?? 0))
}

async function until<T>(what: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const value = await what()
    if (isSo(value)) return value
    await sleep(25)
  }
  throw new Error("it never came")
}

describe("a worker that ends", () => {
  test("is replaced by one that has the same keys and certificates", async () => {
    await using provider = await pool({ engine: mortal, workers: 2 })
    const { key: juliet } = await provider.generate({ userId: "xmpp:juliet@example.org" })
    const { key: romeo } = await provider.generate({ userId: "xmpp:romeo@example.org" })
    const secret = await provider.secrets?.export(romeo, { passphrase: "none" })
    const [imported] = await provider.importSecret(secret ?? new Uint8Array())
    const before = await threadsWith(provider, juliet)
    expect(before.size).toBe(2)
    expect(await end(provider)).toBe("BACKEND")
    // Whoever is left goes on meanwhile.
    const seal = () => provider.signcrypt(utf8.encode("hello"), { recipients: [romeo.certificate], signWith: juliet })
    const message = await seal()
    const both = await until(
      () => threadsWith(provider, juliet),
      (threads) => threads.size === 2,
    )
    expect([...both].filter((id) => before.has(id))).toHaveLength(1)
    // Then the other one, while the successor is busy: what that one has, it was given.
    const [, ended] = await Promise.all([seal(), end(provider)])
    expect(ended).toBe("BACKEND")
    await until(
      () => threadsWith(provider, juliet),
      (threads) => threads.size === 2 && [...threads].every((id) => !before.has(id)),
    )
    for (const key of [romeo, imported as SecretKey]) {
      for (const sealed of [message, await seal()]) {
        const opened = await provider.open(sealed, { decryptWith: [key], verifyWith: [juliet.certificate] })
        expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: juliet.certificate.fingerprint }])
      }
    }
  }, 60_000)

  test("takes its calls with it, those that were sent and no others", async () => {
    await using provider = await pool({ engine: mortal, workers: 2 })
    const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
    const calls = Array.from({ length: 60 }, (_, i) =>
      i === 10
        ? end(provider)
        : provider.encrypt(utf8.encode("x"), { recipients: [key.certificate] }).then(() => "done", codeOf),
    )
    const ended = await Promise.all(calls)
    expect(ended[10]).toBe("BACKEND")
    expect(new Set(ended)).toEqual(new Set(["done", "BACKEND"]))
    expect(ended.filter((one) => one === "BACKEND").length).toBeLessThanOrEqual(16)
  }, 60_000)

  test("the only one takes the keys with it; what needs none waits for its successor; five are enough", async () => {
    await using provider = await pool({ engine: mortal, workers: 1 })
    const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
    const { bytes } = key.certificate
    for (let i = 0; i < 4; i++) {
      expect(await end(provider)).toBe("BACKEND")
      expect((await provider.inspect(bytes)).fingerprint).toBe(key.certificate.fingerprint)
      const lost = provider.sign(utf8.encode("x"), { signWith: key })
      await expect(lost).rejects.toSatisfy((error) => codeOf(error) === "BACKEND")
    }
    expect(await end(provider)).toBe("BACKEND")
    await expect(provider.inspect(bytes)).rejects.toSatisfy((error) => codeOf(error) === "BACKEND")
    await key[Symbol.asyncDispose]()
  }, 60_000)

  test("A6: nobody to be asked for a key is not a key that nobody has", async () => {
    await using provider = await pool({ engine: mortal, workers: 1 })
    const alone = openpgpjs()
    const { key } = await alone.generate({ userId: "xmpp:juliet@example.org" })
    const secret = (await alone.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
    const { fingerprint } = key.certificate
    for (let i = 0; i < 4; i++) {
      expect(await end(provider)).toBe("BACKEND")
      // The successor is on its way, and has whatever was asked for meanwhile.
      const [imported, found] = await Promise.all([provider.importSecret(secret), provider.secretKey(fingerprint)])
      expect([imported.length, found]).toEqual([1, undefined])
      expect((await threadsWith(provider, imported[0] as SecretKey)).size).toBe(1)
      expect((await provider.secretKey(HELD))?.certificate).toMatchObject({ fingerprint: HELD })
    }
    expect(await end(provider)).toBe("BACKEND")
    for (const call of [provider.importSecret(secret), provider.secretKey(fingerprint)]) {
      await expect(call.then(() => "answered", codeOf)).resolves.toBe("BACKEND")
    }
  }, 60_000)

  test("a call for a key that waits for a successor can be aborted", async () => {
    await using provider = await pool({ engine: mortal, workers: 1 })
    expect(await end(provider)).toBe("BACKEND")
    const stop = new AbortController()
    const asked = provider.secretKey("0".repeat(40), { signal: stop.signal }).then(() => "answered", codeOf)
    stop.abort()
    expect(await asked).toBe("ABORTED")
  }, 60_000)

  test("once four were started within a minute, the next ones are started when the minute is over", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    try {
      await using provider = await pool({ engine: mortal, workers: 2 })
      const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
      const { bytes } = key.certificate
      const inspected = () => provider.inspect(bytes).then(() => "done", codeOf)
      for (let i = 0; i < 6; i++) expect(await end(provider)).toBe("BACKEND")
      expect(await inspected()).toBe("BACKEND")
      vi.advanceTimersByTime(59_000)
      expect(await inspected()).toBe("BACKEND")
      vi.advanceTimersByTime(1_000)
      // Both of them, and what they cannot do before they are there waits.
      expect(await inspected()).toBe("done")
      const { key: next } = await provider.generate({ userId: "xmpp:romeo@example.org" })
      let threads = await threadsWith(provider, next)
      for (let i = 0; i < 400 && threads.size < 2; i++) {
        await soon()
        threads = await threadsWith(provider, next)
      }
      expect(threads.size).toBe(2)
    } finally {
      vi.useRealTimers()
    }
  }, 60_000)

  test("one that is still to be started keeps no process alive", async () => {
    const script = fileURLToPath(new URL("./pool-quiet.ts", import.meta.url))
    const begun = performance.now()
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    expect(stdout).toBe("BACKEND\n".repeat(6))
    expect(performance.now() - begun).toBeLessThan(30_000)
  }, 90_000)

  test("restarts are counted within a minute", () => {
    let now = 0
    const untilRestart = restarts(() => now)
    expect(Array.from({ length: 4 }, untilRestart)).toEqual([0, 0, 0, 0])
    expect(untilRestart()).toBe(60_000)
    now = 59_999
    expect(untilRestart()).toBe(1)
    now = 60_000
    expect(Array.from({ length: 5 }, untilRestart)).toEqual([0, 0, 0, 0, 60_000])
  })
})

describe("the rest of the port", () => {
  test("adopt and keyFacts answer as the engine in the workers does", async () => {
    await using provider = await pool({ engine: mortal, workers: 2 })
    const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
    const { key: other } = await provider.generate({ userId: "xmpp:romeo@example.org" })
    const alone = openpgpjs()
    const secret = (await provider.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
    const [same] = await alone.importSecret(secret)
    const [facts, others] = [provider.keyFacts, alone.keyFacts]
    if (same === undefined || facts === undefined || others === undefined) throw new Error("no facts")
    const now = new Date()
    const { bytes } = key.certificate
    expect(facts.limits).toEqual(others.limits)
    expect(facts.clock.now().getTime()).toBeGreaterThanOrEqual(now.getTime())
    expect(await facts.encryptionKey(bytes, { now })).toEqual(await others.encryptionKey(bytes, { now }))
    expect(await facts.signingKey(key, { now })).toEqual(await others.signingKey(same, { now }))
    expect(await facts.decryptionKeys(key)).toEqual(await others.decryptionKeys(same))
    const signers = await facts.signers(bytes, { now, signedAt: now })
    expect(signers).toEqual(await others.signers(bytes, { now, signedAt: now }))
    const signal = AbortSignal.abort()
    await expect(facts.decryptionKeys(key, { signal })).rejects.toSatisfy((error) => codeOf(error) === "ABORTED")

    const certified = await provider.lifecycle?.certify(bytes, { signWith: other, userId: "xmpp:juliet@example.org" })
    const adopted = await provider.lifecycle?.adopt?.(key, certified?.bytes ?? bytes)
    expect(adopted?.certificate.bytes.length).toBeGreaterThan(bytes.length)
    expect((await threadsWith(provider, adopted as SecretKey)).size).toBe(2)
    const by = [other.certificate]
    const options = { by, userId: "xmpp:juliet@example.org" }
    expect(await provider.certifiedBy?.(adopted?.certificate.bytes ?? bytes, options)).toHaveLength(1)
    const wrong = provider.lifecycle?.adopt?.(key, other.certificate.bytes)
    await expect(wrong).rejects.toSatisfy((error) => codeOf(error) === "BAD_DATA")
  }, 30_000)

  test("A19: more certificates than are remembered, in calls at the same time", async () => {
    await using provider = await pool({ engine: mortal, workers: 2, certificates: 2 })
    const names = ["juliet", "romeo", "tybalt", "nurse"]
    const made = await Promise.all(names.map((name) => provider.generate({ userId: `xmpp:${name}@example.org` })))
    const keys = made.map(({ key }) => key)
    const [juliet] = keys as [SecretKey, ...SecretKey[]]
    const verifyWith = keys.map(({ certificate }) => certificate)
    const texts = Array.from({ length: 40 }, (_, i) => `message ${i}`)
    const opened = await Promise.all(
      texts.map(async (text, i) => {
        const to = keys[i % keys.length] as SecretKey
        const recipients = i % 3 ? [to.certificate] : verifyWith
        const sealed = await provider.signcrypt(utf8.encode(text), { recipients, signWith: juliet })
        return provider.open(sealed, { decryptWith: [to], verifyWith: i % 5 ? verifyWith : [juliet.certificate] })
      }),
    )
    expect(opened.map(({ plaintext }) => new TextDecoder().decode(plaintext))).toEqual(texts)
    for (const one of opened) expect(one.signatures).toMatchObject([{ kind: "valid" }])
  }, 30_000)

  test("now, limits and verdicts that are not usual arrive as they are", async () => {
    await using provider = await pool({ engine: mortal, workers: 1 })
    const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
    const recipients = [key.certificate]
    const sealed = await provider.signcrypt(utf8.encode("x"), { recipients, signWith: key })
    const options = { decryptWith: [key], verifyWith: [] }
    const { signatures } = await provider.open(sealed, options)
    expect(signatures).toMatchObject([{ kind: "unverified", reason: "unknown-key" }])
    const early = { ...options, verifyWith: recipients, now: new Date(0) }
    expect((await provider.open(sealed, early)).signatures).toMatchObject([{ reason: "unusable-key" }])
    const unsigned = await provider.encrypt(utf8.encode("y"), { recipients })
    const opened = await provider.open(unsigned, options)
    expect(opened).toEqual({
      plaintext: utf8.encode("y"),
      encrypted: true,
      encryptedTo: key.certificate.fingerprint,
      signatures: [],
    })
    for (const [o, code] of [
      [{ now: new Date(Number.NaN) }, "CONFIGURATION"],
      [{ limits: { maxMessageBytes: 10 } }, "BAD_DATA"],
    ] as const) {
      await expect(provider.open(sealed, { ...options, ...o })).rejects.toSatisfy((error) => codeOf(error) === code)
    }
  }, 30_000)
})
