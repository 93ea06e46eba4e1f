import { spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Certificate } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { writePacket } from "@aurochs/crypto/packets"
import * as pgp from "openpgp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { sop, sopAvailable } from "../src/index.ts"
import { packets } from "../src/packets.ts"
import { first, reader, type Tried, text, tried, utf8 } from "./programs.ts"

const sqop = await tried("sqop")
const gosop = await tried("gosop")
const pgpainless = await tried("pgpainless-cli")

/** What a program does by itself, without the provider. */
async function raw({ program, env }: Tried, args: readonly string[], input: Uint8Array) {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "ignore"],
  })
  const output: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk))
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { exitCode, output: Buffer.concat(output).toString("latin1") }
}

let folder = ""
let alice: SecretKey
let bob: SecretKey
let bobsKey: Uint8Array
let stranger: Certificate
const file = (name: string) => join(folder, name)

/** Sealed by alice to bob, by the reader of certificates. */
const sealed = (plaintext: string) =>
  reader.signcrypt(utf8(plaintext), { recipients: [bob.certificate], signWith: alice })

/** The same key, held by the provider. */
const bobAt = async (p: CryptoProvider) => first(await p.importSecret(bobsKey))

/** A session key packet's body for a hidden recipient. */
function withoutName(body: Uint8Array): Uint8Array {
  return body.slice().fill(0, 1, 9)
}

/** Its last octet is not what was encrypted. */
function altered(message: Uint8Array): Uint8Array {
  const bad = new Uint8Array(message)
  bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1
  return bad
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-sop-test-"))
  alice = (await reader.generate({ userId: "xmpp:alice@example.org" })).key
  bob = (await reader.generate({ userId: "xmpp:bob@example.org" })).key
  stranger = (await reader.generate({ userId: "xmpp:stranger@example.org" })).key.certificate
  bobsKey = (await reader.secrets?.export(bob, { passphrase: "none" })) ?? new Uint8Array()
  await writeFile(file("bob.key"), bobsKey)
  await writeFile(file("stranger.certificate"), stranger.bytes)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.skipIf(sqop.missing !== undefined)(`sqop (${sqop.missing ?? "here"})`, () => {
  const provider = () => sop({ ...sqop, certificates: reader })

  test("R5 A7: it decrypts what is only signed, with exit code 0; here that never passes for encrypted", async () => {
    const signed = await reader.sign(utf8("public"), { signWith: alice })
    expect(await raw(sqop, ["decrypt", file("bob.key")], signed)).toEqual({ exitCode: 0, output: "public" })
    const p = provider()
    const opened = await p.open(signed, { decryptWith: [await bobAt(p)], verifyWith: [alice.certificate] })
    expect(opened).toMatchObject({ encrypted: false, signatures: [{ kind: "valid" }] })
    expect(opened.encryptedTo).toBeUndefined()
  })

  test("R2: it answers 1 for what is no OpenPGP; here that is BAD_DATA", async () => {
    expect(await raw(sqop, ["decrypt", file("bob.key")], utf8("no OpenPGP"))).toEqual({ exitCode: 1, output: "" })
    const p = provider()
    const call = p.open(utf8("no OpenPGP"), { decryptWith: [await bobAt(p)], verifyWith: [] })
    await expect(call).rejects.toMatchObject({ code: "BAD_DATA", details: { what: "message" } })
  })

  test("A29: it tries one session key of several without a name; here the right one is found", async () => {
    const recipients = [stranger, bob.certificate]
    const all = packets(await reader.signcrypt(utf8("for you alone"), { recipients, signWith: alice }))
    const hidden = all.map(({ tag, body, bytes }) => (tag === 1 ? writePacket(1, withoutName(body)) : bytes))
    const message = Buffer.concat(hidden)
    expect(await raw(sqop, ["decrypt", file("bob.key")], message)).toEqual({ exitCode: 29, output: "" })
    const p = provider()
    const other = first(await p.importSecret(await exported(alice)))
    const opened = await p.open(message, { decryptWith: [other, await bobAt(p)], verifyWith: [alice.certificate] })
    expect(text(opened.plaintext)).toBe("for you alone")
    expect(opened.encryptedTo).toBe(bob.certificate.fingerprint)
  })
})

describe.skipIf(gosop.missing !== undefined)(`gosop (${gosop.missing ?? "here"})`, () => {
  const provider = (sessionKeys: boolean) => sop({ ...gosop, certificates: reader, sessionKeys })

  test("it exits 99 whatever went wrong; here each has its code", async () => {
    const good = await sealed("hello")
    const forStranger = await reader.encrypt(utf8("x"), { recipients: [stranger] })
    const verifying = [`--verify-with=${file("stranger.certificate")}`, `--verify-out=${file("verified")}`]
    for (const [message, args] of [
      [altered(good), []],
      [forStranger, []],
      [utf8("no OpenPGP"), []],
      [good, verifying],
    ] as const) {
      expect(await raw(gosop, ["decrypt", ...args, file("bob.key")], message)).toMatchObject({ exitCode: 99 })
    }
    for (const sessionKeys of [true, false]) {
      const p = provider(sessionKeys)
      const decryptWith = [await bobAt(p)]
      const open = (message: Uint8Array) => p.open(message, { decryptWith, verifyWith: [stranger] })
      await expect(open(altered(good))).rejects.toMatchObject({ details: { because: "damaged" } })
      await expect(open(forStranger)).rejects.toMatchObject({ details: { because: "not-for-us" } })
      await expect(open(utf8("no OpenPGP"))).rejects.toMatchObject({ code: "BAD_DATA" })
      const reason = sessionKeys ? "unknown-key" : "undetermined"
      expect((await open(good)).signatures).toMatchObject([{ kind: "unverified", reason }])
    }
  })

  test("A15 A29: a hidden recipient's message that was altered is damaged, not for somebody else", async () => {
    const all = packets(await reader.encrypt(utf8("x"), { recipients: [bob.certificate] }))
    const hidden = all.map(({ tag, body, bytes }) => (tag === 1 ? writePacket(1, withoutName(body)) : bytes))
    const p = provider(true)
    const call = p.open(altered(Buffer.concat(hidden)), { decryptWith: [await bobAt(p)], verifyWith: [] })
    await expect(call).rejects.toMatchObject({ code: "CANNOT_DECRYPT", details: { because: "damaged" } })
  })

  test("its line for a good signature names the time of verifying; with session keys the time is right", async () => {
    const now = new Date(Date.now() - 300_000)
    const recipients = [bob.certificate]
    const old = (await reader.generate({ userId: "xmpp:old@example.org" }, { now: new Date(Date.now() - 86_400_000) }))
      .key
    const message = await reader.signcrypt(utf8("x"), { recipients, signWith: old, now })
    const p = provider(true)
    const [verdict] = (await p.open(message, { decryptWith: [await bobAt(p)], verifyWith: [old.certificate] }))
      .signatures
    if (verdict?.kind !== "valid") throw new Error("not valid")
    expect(Math.abs(verdict.signedAt.getTime() - now.getTime())).toBeLessThanOrEqual(1000)
  })

  test("R5: it has no inline-sign; here its detached signature becomes a message", async () => {
    expect(await raw(gosop, ["inline-sign", file("bob.key")], utf8("x"))).toMatchObject({ exitCode: 69 })
    const p = provider(true)
    const plaintext = utf8("öffentlich\r\nand lines\n\n")
    const signed = await p.sign(plaintext, { signWith: await bobAt(p) })
    const opened = await reader.open(signed, { decryptWith: [], verifyWith: [bob.certificate] })
    expect(opened).toMatchObject({ plaintext, encrypted: false, signatures: [{ kind: "valid" }] })
  })
})

describe.skipIf(pgpainless.missing !== undefined)(`pgpainless-cli (${pgpainless.missing ?? "here"})`, () => {
  test("it prints the text, then exits 3: what it printed is not taken", async () => {
    const message = await sealed("hello")
    const verifying = [`--verify-with=${file("stranger.certificate")}`, file("bob.key")]
    const said = await raw(pgpainless, ["decrypt", `--verify-out=${file("verified")}`, ...verifying], message)
    expect(said).toEqual({ exitCode: 3, output: "hello" })
    const p = sop({ ...pgpainless, certificates: reader, sessionKeys: false })
    const opened = await p.open(message, { decryptWith: [await bobAt(p)], verifyWith: [stranger] })
    expect(opened.signatures).toEqual([{ kind: "unverified", reason: "undetermined" }])
  })

  test("A15: it prints what was altered, then exits 1: nothing of it comes out", async () => {
    const message = altered(await sealed("hello"))
    expect(await raw(pgpainless, ["decrypt", file("bob.key")], message)).toEqual({ exitCode: 1, output: "hello" })
    for (const sessionKeys of [true, false]) {
      const p = sop({ ...pgpainless, certificates: reader, sessionKeys })
      const call = p.open(message, { decryptWith: [await bobAt(p)], verifyWith: [alice.certificate] })
      await expect(call).rejects.toMatchObject({ code: "CANNOT_DECRYPT", details: { because: "damaged" } })
    }
  })
})

for (const program of [sqop, gosop, pgpainless]) {
  describe.skipIf(program.missing !== undefined)(`${program.name}: ${program.missing ?? "any program"}`, () => {
    test("is usable here and tells session keys", async () => {
      expect(await sopAvailable(program)).toMatchObject({ usable: true, sessionKeys: true })
    })

    test("valid-only: good is valid under the primary key, anything else is undetermined", {
      timeout: 60_000,
    }, async () => {
      const p = sop({ ...program, certificates: reader, sessionKeys: false })
      expect(p.verdicts).toBe("valid-only")
      const decryptWith = [await bobAt(p)]
      const message = await sealed("hello")
      const good = await p.open(message, { decryptWith, verifyWith: [stranger, alice.certificate] })
      expect(text(good.plaintext)).toBe("hello")
      expect(good.encryptedTo).toBe(bob.certificate.fingerprint)
      expect(good.signatures).toMatchObject([{ kind: "valid", certificate: alice.certificate.fingerprint }])
      const undetermined = [{ kind: "unverified", reason: "undetermined" }]
      expect((await p.open(message, { decryptWith, verifyWith: [stranger] })).signatures).toEqual(undetermined)
      // At another moment than now no program can say whether a signature counts.
      const now = new Date(Date.now() + 86_400_000)
      const later = await p.open(message, { decryptWith, verifyWith: [alice.certificate], now })
      expect(later.signatures).toEqual(undetermined)
    })

    test("valid-only: of two signatures the one that is good is told, and that there is another is not", {
      timeout: 60_000,
    }, async () => {
      const other = (await reader.generate({ userId: "xmpp:other@example.org" })).key
      for (const forged of [false, true]) {
        const message = await signedTwice(other, forged)
        const signer = alice.certificate
        const judge = async (sessionKeys: boolean) => {
          const p = sop({ ...program, certificates: reader, sessionKeys })
          return p.open(message, { decryptWith: [await bobAt(p)], verifyWith: [signer] })
        }
        const valid = { kind: "valid", certificate: signer.fingerprint }
        // Of a forged one among two gosop 1.1 tells no session key.
        if (!forged) expect((await judge(true)).signatures, "with session keys").toHaveLength(2)
        expect((await judge(false)).signatures, "without").toMatchObject([valid])
      }
    })

    test("SEIPDv2, which it does not know: UNSUPPORTED", async () => {
      const p = sop({ ...program, certificates: reader })
      const call = p.open(await version2(), { decryptWith: [await bobAt(p)], verifyWith: [] })
      await expect(call).rejects.toMatchObject({ code: "UNSUPPORTED", details: { feature: "SEIPDv2" } })
    })

    test("A16: a small message that becomes 48 MiB is refused", async () => {
      const p = sop({ ...program, certificates: reader })
      const call = p.open(await bomb(), { decryptWith: [await bobAt(p)], verifyWith: [] })
      await expect(call).rejects.toMatchObject({ code: "BAD_DATA", details: { limit: "maxPlaintextBytes" } })
    })
  })
}

for (const program of [sqop, gosop]) {
  test.skipIf(program.missing !== undefined)(
    `A21: ${program.name} opens what was sent to a key that has expired`,
    async () => {
      const p = sop({ ...program, certificates: reader })
      const now = new Date("2025-12-01T00:00:00Z")
      const { key } = await p.generate({ userId: "xmpp:a@example.org", expiresInMs: 3_600_000 }, { now })
      const message = await reader.encrypt(utf8("old"), { recipients: [key.certificate], now })
      expect(text((await p.open(message, { decryptWith: [key], verifyWith: [] })).plaintext)).toBe("old")
    },
  )
}

/** To bob: by alice, and by somebody else, whose signature may be one over another text. */
async function signedTwice(other: SecretKey, forged: boolean): Promise<Uint8Array> {
  const signed = async (signWith: SecretKey, plaintext: string) => {
    const all = packets(await reader.sign(utf8(plaintext), { signWith }))
    expect(all.map(({ tag }) => tag)).toEqual([4, 11, 2])
    return all.map(({ body }) => body)
  }
  const [announced, literal, signature] = (await signed(alice, "hello")) as [Uint8Array, Uint8Array, Uint8Array]
  const [before, , after] = await signed(other, forged ? "something else" : "hello")
  // One more signature follows (RFC 9580 §5.4).
  const outer = Uint8Array.from([...(before ?? []).slice(0, -1), 0])
  const bodies = [
    [4, outer],
    [4, announced],
    [11, literal],
    [2, signature],
    [2, after ?? outer],
  ] as const
  const binaryMessage = Buffer.concat(bodies.map(([tag, body]) => writePacket(tag, body)))
  const message = await pgp.readMessage({ binaryMessage })
  // The list itself ends with the text until somebody verifies; the stream has what follows, too.
  const inside = message.packets as unknown as pgp.AnyPacket[] & { stream: readonly pgp.AnyPacket[] }
  inside.push(...inside.stream.slice(inside.length))
  const encryptionKeys = await pgp.readKey({ binaryKey: bob.certificate.bytes })
  const sealed = await pgp.encrypt({ message, encryptionKeys, format: "binary" })
  if (!(sealed instanceof Uint8Array)) throw new Error("a stream")
  return sealed
}

async function exported(key: SecretKey): Promise<Uint8Array> {
  return (await reader.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
}

/** To bob: 48 MiB of zeros, compressed. */
async function bomb(): Promise<Uint8Array> {
  const { packets: inside } = await pgp.createMessage({ binary: new Uint8Array(48 * 1_048_576) })
  const compressed = new pgp.CompressedDataPacket()
  Object.assign(compressed, { packets: inside, algorithm: pgp.enums.compression.zlib })
  const outside = new pgp.PacketList<pgp.CompressedDataPacket>()
  outside.push(compressed)
  const encryptionKeys = await pgp.readKey({ binaryKey: bob.certificate.bytes })
  const sealed = await pgp.encrypt({ message: new pgp.Message(outside), encryptionKeys, format: "binary" })
  if (!(sealed instanceof Uint8Array)) throw new Error("a stream")
  return sealed
}

/** To bob: SEIPDv2, and a session key packet of version 6 with it. */
async function version2(): Promise<Uint8Array> {
  const data = globalThis.crypto.getRandomValues(new Uint8Array(32))
  const sealed = await pgp.encrypt({
    message: await pgp.createMessage({ text: "newer" }),
    encryptionKeys: await pgp.readKey({ binaryKey: bob.certificate.bytes }),
    sessionKey: { data, algorithm: "aes256", aeadAlgorithm: "gcm" },
    format: "binary",
  })
  if (!(sealed instanceof Uint8Array)) throw new Error("a stream")
  return sealed
}
