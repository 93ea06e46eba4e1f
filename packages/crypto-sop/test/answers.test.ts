import type { Certificate } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { sopAvailable } from "../src/index.ts"
import { type Fake, makeFake, type Orders } from "./fake/fake.ts"
import { first, reader, text, tried, utf8 } from "./programs.ts"

const sqop = await tried("sqop")
let fake: Fake
let alice: SecretKey
let alicesKey: Uint8Array
let bob: Certificate
let message: Uint8Array

beforeAll(async () => {
  fake = await makeFake()
  alice = (await reader.generate({ userId: "xmpp:alice@example.org" })).key
  bob = (await reader.generate({ userId: "xmpp:bob@example.org" })).key.certificate
  alicesKey = (await reader.secrets?.export(alice, { passphrase: "none" })) ?? new Uint8Array()
  message = await reader.signcrypt(utf8("hello"), { recipients: [alice.certificate], signWith: alice })
})
afterEach(() => fake.forget())
afterAll(() => fake.remove())

async function opening(orders: Orders, bytes: Uint8Array = message, sessionKeys = true) {
  const p = fake.provider(orders, { sessionKeys })
  const decryptWith = [first(await p.importSecret(alicesKey))]
  return p.open(bytes, { decryptWith, verifyWith: [alice.certificate] })
}

async function sealing(orders: Orders, recipients: readonly Certificate[] = [alice.certificate, bob]) {
  const p = fake.provider(orders)
  return p.signcrypt(utf8("x"), { recipients, signWith: first(await p.importSecret(alicesKey)) })
}

test("A16: a program that is ended for what it prints, while it writes the session key: the bound, not its fault", async () => {
  for (const cut of ["", "9:"]) {
    const told = { write: { "--session-key-out": cut }, endless: true }
    await expect(opening({ told, decrypt: told })).rejects.toMatchObject({
      code: "BAD_DATA",
      details: { what: "message", limit: "maxPlaintextBytes" },
    })
  }
  await expect(opening({ told: { write: { "--session-key-out": "9:" } } })).rejects.toMatchObject({ code: "BACKEND" })
})

describe("exit codes", () => {
  test.each([
    [13, "UNSUPPORTED", {}],
    [29, "CANNOT_DECRYPT", { because: "damaged" }],
    [41, "CANNOT_DECRYPT", { because: "damaged" }],
    [1, "CANNOT_DECRYPT", { because: "damaged" }],
    [99, "CANNOT_DECRYPT", { because: "damaged" }],
  ])("decrypt: %i is %s", async (exitCode, code, details) => {
    await expect(opening({ decrypt: { exitCode } })).rejects.toMatchObject({ code, details })
  })

  test.each([
    [13, "UNSUPPORTED", {}],
    [37, "UNSUPPORTED", {}],
    [69, "UNSUPPORTED", {}],
    [1, "BACKEND", { backend: "sop:fake", exitCode: 1 }],
    [99, "BACKEND", { backend: "sop:fake", exitCode: 99 }],
  ])("encrypt: %i is %s", async (exitCode, code, details) => {
    await expect(sealing({ encrypt: { exitCode } })).rejects.toMatchObject({ code, details })
  })

  test("encrypt: 17 is NO_USABLE_KEY with every recipient that is refused alone, 79 with the signer", async () => {
    const leftOut = [alice.certificate, bob].map(({ fingerprint }) => ({ fingerprint, because: "no-encryption-key" }))
    const owner = "alice@example.org"
    await expect(sealing({ encrypt: { exitCode: 17 } })).rejects.toMatchObject({
      code: "NO_USABLE_KEY",
      details: { owner, leftOut },
    })
    const signer = [{ fingerprint: alice.certificate.fingerprint, because: "no-sign-flag" }]
    await expect(sealing({ encrypt: { exitCode: 79 } })).rejects.toMatchObject({
      code: "NO_USABLE_KEY",
      details: { owner, leftOut: signer },
    })
  })

  test("inline-sign: 79 is NO_USABLE_KEY, another text than was given BACKEND, 69 leads to sign", async () => {
    const sign = async (orders: Orders) => {
      const p = fake.provider(orders)
      return p.sign(utf8("x"), { signWith: first(await p.importSecret(alicesKey)) })
    }
    const without = { "inline-sign": { exitCode: 69 } }
    await expect(sign({ ...without, sign: { exitCode: 69 } })).rejects.toMatchObject({ code: "UNSUPPORTED" })
    await expect(sign({ ...without, sign: { output: "no signature" } })).rejects.toMatchObject({ code: "BACKEND" })
    await expect(sign({ "inline-sign": { exitCode: 79 } })).rejects.toMatchObject({ code: "NO_USABLE_KEY" })
    await expect(sign({ "inline-sign": { output: "x" } })).rejects.toMatchObject({ code: "BACKEND" })
  })
})

describe("what never reaches the program", () => {
  test("A15 A16 A27 R2: garbage, armor, several messages, what is too large, what is only signed", async () => {
    const p = fake.provider({})
    const decryptWith = [first(await p.importSecret(alicesKey))]
    const options = { decryptWith, verifyWith: [alice.certificate] }
    const armored = utf8(`-----BEGIN PGP MESSAGE-----\n\n${Buffer.from(message).toString("base64")}\n`)
    for (const bad of [utf8("garbage"), armored, Buffer.concat([message, message]), new Uint8Array()]) {
      await expect(p.open(bad, options)).rejects.toMatchObject({ code: "BAD_DATA" })
    }
    const limits = { maxMessageBytes: message.length - 1 }
    await expect(p.open(message, { ...options, limits })).rejects.toMatchObject({
      details: { limit: "maxMessageBytes" },
    })
    const signed = await reader.sign(utf8("public"), { signWith: alice })
    expect(await p.open(signed, options)).toMatchObject({ encrypted: false, signatures: [{ kind: "valid" }] })
    const forOthers = await reader.encrypt(utf8("x"), { recipients: [bob] })
    await expect(p.open(forOthers, options)).rejects.toMatchObject({ details: { because: "not-for-us" } })
    expect(await fake.runs()).toEqual([])
  })

  test("a moment that the program cannot be given: UNSUPPORTED, after the question whose keys may be used", async () => {
    const p = fake.provider({})
    const now = new Date(Date.now() + 86_400_000)
    const call = p.encrypt(utf8("x"), { recipients: [alice.certificate], now })
    await expect(call).rejects.toMatchObject({ code: "UNSUPPORTED", details: { feature: "now" } })
    const before = p.encrypt(utf8("x"), { recipients: [alice.certificate], now: new Date("2020-01-01T00:00:00Z") })
    await expect(before).rejects.toMatchObject({ code: "NO_USABLE_KEY" })
    expect(await fake.runs()).toEqual([])
  })
})

describe("a program that lies", () => {
  test("A25: a session key of another message opens nothing; what is no session key is BACKEND", async () => {
    const wrong = { "--session-key-out": `9:${"AB".repeat(32)}\n` }
    const call = opening({ decrypt: { write: wrong, output: "another text" } })
    await expect(call).rejects.toMatchObject({ details: { because: "damaged" } })
    for (const text of ["9:XY", "nothing", `9:${"AB".repeat(100)}`, "9:"]) {
      const order = { decrypt: { write: { "--session-key-out": text }, output: "another text" } }
      await expect(opening(order)).rejects.toMatchObject({ code: expect.stringMatching(/^(BACKEND|UNSUPPORTED)$/) })
    }
  })

  test("one that opens messages and tells no session keys is UNSUPPORTED, and sopAvailable finds out", async () => {
    const silent = { decrypt: { output: "it works" } }
    const strange = { told: { exitCode: 1 }, decrypt: { output: "it works" } }
    for (const orders of [silent, strange]) {
      const details = { feature: "--session-key-out" }
      await expect(opening(orders)).rejects.toMatchObject({ code: "UNSUPPORTED", details })
      const env = fake.env({ ...orders, version: { output: "fake 1.0\nmore" } })
      const found = await sopAvailable({ program: fake.program, env })
      expect(found).toEqual({ usable: true, version: "fake 1.0", sessionKeys: false })
      const opened = await opening(orders, message, false)
      expect([text(opened.plaintext), opened.encryptedTo]).toEqual(["it works", alice.certificate.fingerprint])
    }
  })

  test("valid-only: a line counts for a certificate that was given, of a run with exit code 0, and for no other", async () => {
    const line = (fingerprint: string) => `2026-01-02T03:04:05Z ${fingerprint} ${fingerprint} mode:binary\n`
    const run = (lines: string, exitCode: number) =>
      opening({ decrypt: { output: "text", exitCode, write: { "--verifications-out": lines } } }, message, false)
    const { fingerprint } = alice.certificate
    const signedAt = new Date("2026-01-02T03:04:05Z")
    const valid = { kind: "valid", certificate: fingerprint, signedAt }
    const undetermined = { kind: "unverified", reason: "undetermined" }
    expect((await run(`${line(bob.fingerprint)}${line(fingerprint)}`, 0)).signatures).toEqual([valid])
    for (const lines of [line(bob.fingerprint), "", `x${line(fingerprint)}`, "\n\0", fingerprint]) {
      expect((await run(lines, 0)).signatures).toEqual([undetermined])
    }
    await expect(run(line(fingerprint), 3)).rejects.toMatchObject({ code: "CANNOT_DECRYPT" })
  })
})

describe.skipIf(sqop.missing !== undefined)(`a program that seals something else (${sqop.missing ?? "sqop"})`, () => {
  test("I8 R2: a recipient left out, one added, armor: BACKEND, and nothing comes out", async () => {
    const real = { run: sqop.program }
    expect((await sealing({ encrypt: real })).length).toBeGreaterThan(100)
    for (const change of [{ drop: ["certificate-1"] }, { drop: ["certificate-0"] }, { drop: ["--no-armor"] }]) {
      await expect(sealing({ encrypt: { ...real, ...change } })).rejects.toMatchObject({ code: "BACKEND" })
    }
    const more = { ...real, add: ["certificate-0"], drop: ["certificate-0"] }
    await expect(sealing({ encrypt: more })).resolves.toBeInstanceOf(Uint8Array)
    const other = { ...real, drop: ["certificate-1"], add: ["certificate-0"] }
    await expect(sealing({ encrypt: other })).rejects.toMatchObject({ code: "BACKEND" })
  })

  test("the same recipient twice is one", async () => {
    const twice = [bob, { ...bob, fingerprint: alice.certificate.fingerprint }, alice.certificate]
    expect((await sealing({ encrypt: { run: sqop.program } }, twice)).length).toBeGreaterThan(100)
  })
})
