import { setTimeout as sleep } from "node:timers/promises"
import { isAurochsError } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { afterAll, describe, expect, test } from "vitest"
import { type PoolProvider, pool } from "../src/pool/index.ts"

const engine = new URL("./pool-engine.ts", import.meta.url)
const shared = pool({ engine, workers: 2 })
afterAll(async () => (await shared)[Symbol.asyncDispose]())

const utf8 = new TextEncoder()
const codeOf = (error: unknown) => (isAurochsError(error) ? error.code : error)

async function people(provider: PoolProvider) {
  const [juliet, romeo] = await Promise.all(
    ["juliet", "romeo"].map((name) => provider.generate({ userId: `xmpp:${name}@example.org` })),
  )
  if (juliet === undefined || romeo === undefined) throw new Error("no keys")
  return { juliet: juliet.key, romeo: romeo.key }
}

describe("a pool", () => {
  test("has every worker use keys that one of them made, and keys that were imported", async () => {
    const provider = await shared
    const { juliet, romeo } = await people(provider)
    const secret = await provider.secrets?.export(romeo, { passphrase: "none" })
    const [imported] = await provider.importSecret(secret ?? new Uint8Array())
    if (imported === undefined) throw new Error("not imported")
    const sealed = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        provider.signcrypt(utf8.encode(`message ${i}`), { recipients: [romeo.certificate], signWith: juliet }),
      ),
    )
    const opened = await Promise.all(
      sealed.map((message, i) =>
        provider.open(message, { decryptWith: [i % 2 ? romeo : imported], verifyWith: [juliet.certificate] }),
      ),
    )
    const texts = opened.map(({ plaintext }) => new TextDecoder().decode(plaintext))
    expect(texts).toEqual(sealed.map((_, i) => `message ${i}`))
    expect(new Set(opened.map(({ signatures }) => signatures[0]?.kind))).toEqual(new Set(["valid"]))
    // OpenPGP.js alone has the last word on what came out.
    const outside = openpgpjs()
    const [key] = await outside.importSecret(secret ?? new Uint8Array())
    const again = key && (await outside.open(sealed[0] ?? new Uint8Array(), { decryptWith: [key], verifyWith: [] }))
    expect(new TextDecoder().decode(again?.plaintext)).toBe("message 0")
  })

  test("leaves the caller's arrays alone, and keeps what it was given although they change", async () => {
    const provider = await shared
    const { juliet, romeo } = await people(provider)
    const secret = (await provider.secrets?.export(juliet, { passphrase: "none" })) ?? new Uint8Array()
    const before = secret.slice()
    await provider.importSecret(secret)
    expect(secret).toEqual(before)
    const certificate = { ...romeo.certificate, bytes: romeo.certificate.bytes.slice() }
    const options = { recipients: [certificate], signWith: juliet }
    await provider.signcrypt(utf8.encode("one"), options)
    certificate.bytes.fill(0)
    await expect(provider.signcrypt(utf8.encode("two"), options)).rejects.toSatisfy((e) => codeOf(e) === "BAD_DATA")
    const good = { recipients: [romeo.certificate], signWith: juliet }
    expect((await provider.signcrypt(utf8.encode("three"), good)).length).toBeGreaterThan(100)
  })

  test("A19: two certificates under one fingerprint, in one call and in turns", async () => {
    const provider = await shared
    const { juliet, romeo } = await people(provider)
    const good = { recipients: [romeo.certificate], signWith: juliet }
    const message = await provider.signcrypt(utf8.encode("x"), good)
    const other = { fingerprint: juliet.certificate.fingerprint, bytes: romeo.certificate.bytes }
    for (let i = 0; i < 6; i++) {
      const verifyWith = i % 2 ? [other, juliet.certificate] : [juliet.certificate, other]
      const { signatures } = await provider.open(message, { decryptWith: [romeo], verifyWith })
      expect(signatures).toMatchObject([{ kind: "valid", certificate: juliet.certificate.fingerprint }])
    }
  })

  test("a view of a larger array is sent without the rest", async () => {
    const provider = await shared
    const { juliet } = await people(provider)
    const large = new Uint8Array(1_000_000)
    large.set(utf8.encode("in the middle"), 500_000)
    const sealed = await provider.encrypt(large.subarray(500_000, 500_013), { recipients: [juliet.certificate] })
    const { plaintext } = await provider.open(sealed, { decryptWith: [juliet], verifyWith: [] })
    expect(new TextDecoder().decode(plaintext)).toBe("in the middle")
    expect(plaintext.buffer.byteLength).toBe(13)
  })

  test("a handle that was disposed, or of another provider, is refused", async () => {
    const provider = await shared
    const { juliet, romeo } = await people(provider)
    await juliet[Symbol.asyncDispose]()
    await juliet[Symbol.asyncDispose]()
    const { key: foreign } = await openpgpjs().generate({ userId: "xmpp:tybalt@example.org" })
    for (const signWith of [juliet, foreign]) {
      const refused = provider.signcrypt(utf8.encode("x"), { recipients: [romeo.certificate], signWith })
      await expect(refused).rejects.toSatisfy((error) => codeOf(error) === "BACKEND")
    }
  })

  test("a call is stopped while it waits and while it runs; the others go on", async () => {
    const provider = await shared
    const { juliet, romeo } = await people(provider)
    const stop = new AbortController()
    const call = { recipients: [romeo.certificate], signWith: juliet }
    const calls = Array.from({ length: 40 }, (_, i) =>
      provider.signcrypt(utf8.encode("x"), i % 2 ? call : { ...call, signal: stop.signal }),
    )
    stop.abort()
    const ended = await Promise.allSettled(calls)
    expect(ended.map((one) => (one.status === "fulfilled" ? "done" : codeOf(one.reason)))).toEqual(
      calls.map((_, i) => (i % 2 ? "done" : "ABORTED")),
    )
    const late = provider.inspect(romeo.certificate.bytes, { signal: stop.signal })
    await expect(late).rejects.toSatisfy((error) => codeOf(error) === "ABORTED")
  })

  test("an error keeps its code and its details, and nothing else", async () => {
    const provider = await shared
    const { juliet } = await people(provider)
    const refused = await provider.open(new Uint8Array(9), { decryptWith: [juliet], verifyWith: [] }).catch((e) => e)
    expect(isAurochsError(refused, "BAD_DATA") && refused.details).toEqual({ what: "message" })
    const none = await provider.encrypt(utf8.encode("x"), { recipients: [] }).catch((e) => e)
    expect(isAurochsError(none, "NO_USABLE_KEY") && none.details.leftOut).toEqual([])
  })

  test("the event loop goes round while the workers work", async () => {
    const provider = await shared
    const { juliet, romeo } = await people(provider)
    const call = { recipients: Array.from({ length: 1 }, () => romeo.certificate), signWith: juliet }
    let turns = 0
    let done = false
    const work = Promise.all(Array.from({ length: 200 }, () => provider.signcrypt(utf8.encode("x"), call))).then(() => {
      done = true
    })
    while (!done) {
      await sleep(0)
      turns++
    }
    await work
    // One by one in this thread they would leave it a single turn.
    expect(turns).toBeGreaterThan(10)
  })
})

describe("the end of a pool", () => {
  test("what is asked afterwards fails, and the threads are gone", async () => {
    const provider = await pool({ engine, workers: 1 })
    const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
    await provider[Symbol.asyncDispose]()
    const refused = provider.inspect(key.certificate.bytes)
    await expect(refused).rejects.toSatisfy((error) => codeOf(error) === "BACKEND")
    await key[Symbol.asyncDispose]()
  })

  test("a module that is not there, or exports no engine, is told at the start", async () => {
    for (const name of ["./no-such-engine.ts", "./setting.ts"]) {
      const started = pool({ engine: new URL(name, import.meta.url), workers: 2 })
      await expect(started).rejects.toSatisfy((error) => codeOf(error) === "BACKEND")
    }
  })

  test("a number of workers that is none", async () => {
    for (const workers of [0, -1, 1.5]) {
      await expect(pool({ engine, workers })).rejects.toSatisfy((error) => codeOf(error) === "CONFIGURATION")
    }
  })
})
