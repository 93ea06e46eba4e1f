import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { gnupg } from "../src/index.ts"
import { homes, utf8 } from "./support/homes.ts"
import { missing } from "./support/program.ts"

const ALICE = "xmpp:alice@example.org"
const FAR = "A".repeat(40)

describe.skipIf(missing)(`the homedir${missing === undefined ? "" : `: ${missing}`}`, () => {
  const { home, provider } = homes()

  it("is made for us alone, with its parents", async () => {
    const path = join(await home(), "deeper", "still")
    const p = await provider({ homedir: path })
    expect(await p.secretKey(FAR)).toBeUndefined()
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  it("that others may look into, or that is no folder, is refused", async () => {
    const open = await home()
    await chmod(open, 0o755)
    const file = join(await home(), "file")
    await writeFile(file, "")
    for (const homedir of [open, file, join(file, "below")]) {
      const p = await provider({ homedir })
      const failed = expect(p.generate({ userId: ALICE })).rejects
      await failed.toMatchObject({ code: "CONFIGURATION", details: { field: "homedir" } })
    }
    expect(await readdir(open)).toEqual(["gpg-agent.conf"])
  })

  it("whose path is too long for the agent's sockets is refused with that reason", async () => {
    const p = await provider({ homedir: join(await home(), "x".repeat(100)) })
    await expect(p.generate({ userId: ALICE })).rejects.toThrow(/too long/)
  })

  it("has to be given, and so has somebody to read certificates", () => {
    const certificates = openpgpjs()
    const { openWithSessionKey: _, ...without } = certificates
    expect(() => gnupg({ homedir: "", certificates })).toThrow(/folder/)
    expect(() => gnupg({ homedir: "/x", certificates: without })).toThrow(/session key/)
    expect(() => gnupg({ homedir: "/x", certificates, maxProcesses: 0 })).toThrow(/at least one/)
    expect(() => gnupg({ homedir: "/x", certificates, timeoutMs: Number.NaN })).toThrow(/milliseconds/)
  })

  it("keeps keys: found again by fingerprint after a restart, and not deleted with a handle", async () => {
    const homedir = await home()
    const before = await provider({ homedir })
    const { key } = await before.generate({ userId: ALICE })
    const sealed = await before.encrypt(utf8("kept"), { recipients: [key.certificate] })
    await key[Symbol.asyncDispose]()
    await before[Symbol.asyncDispose]()

    const after = await provider({ homedir })
    const again = await after.secretKey(key.certificate.fingerprint)
    if (again === undefined) throw new Error("it is gone")
    expect(again.certificate).toEqual(key.certificate)
    const opened = await after.open(sealed, { decryptWith: [again], verifyWith: [] })
    expect(new TextDecoder().decode(opened.plaintext)).toBe("kept")
    expect(await after.secretKey(FAR)).toBeUndefined()
  })

  it("finds a key by its primary key only, and not where it has a certificate alone", async () => {
    const homedir = await home()
    const p = await provider({ homedir })
    const { key } = await p.generate({ userId: ALICE })
    const subkey = await openpgpjs().keyFacts?.encryptionKey(key.certificate.bytes, { now: new Date() })
    expect(subkey?.key?.fingerprint).toMatch(/^[0-9A-F]{40}$/)
    expect(await p.secretKey(subkey?.key?.fingerprint ?? "")).toBeUndefined()

    const keys = join(homedir, "private-keys-v1.d")
    for (const file of await readdir(keys)) await rm(join(keys, file))
    expect(await p.secretKey(key.certificate.fingerprint)).toBeUndefined()
    const lost = p.sign(utf8("x"), { signWith: key })
    await expect(lost).rejects.toMatchObject({
      code: "NO_USABLE_KEY",
      details: { leftOut: [{ fingerprint: key.certificate.fingerprint, because: "no-secret-key" }] },
    })
    const sealed = await p.encrypt(utf8("x"), { recipients: [key.certificate] })
    const unread = p.open(sealed, { decryptWith: [key], verifyWith: [] })
    await expect(unread).rejects.toMatchObject({ code: "CANNOT_DECRYPT", details: { because: "not-for-us" } })
  })

  it("has no say in what is sealed: its gpg.conf is not read", async () => {
    const homedir = await home()
    const p = await provider({ homedir })
    const [{ key: alice }, { key: eve }] = [
      await p.generate({ userId: ALICE }),
      await p.generate({ userId: "xmpp:eve@example.org" }),
    ]
    const settings = [
      "armor",
      `encrypt-to ${eve.certificate.fingerprint}`,
      `default-key ${eve.certificate.fingerprint}`,
      "throw-keyids",
      "cipher-algo 3DES",
      "no-such-option",
    ]
    await writeFile(join(homedir, "gpg.conf"), settings.join("\n"), { mode: 0o600 })
    const options = { recipients: [alice.certificate], signWith: alice }
    const sealed = await p.signcrypt(utf8("x"), options)
    const forEve = p.open(sealed, { decryptWith: [eve], verifyWith: [] })
    await expect(forEve).rejects.toMatchObject({ code: "CANNOT_DECRYPT" })
    const opened = await p.open(sealed, { decryptWith: [alice], verifyWith: [alice.certificate] })
    expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: alice.certificate.fingerprint }])
  })

  it("A29: opens with the keys given and no other one, hidden recipient or not", async () => {
    const p = await provider()
    const [{ key: alice }, { key: bob }] = [
      await p.generate({ userId: ALICE }),
      await p.generate({ userId: "xmpp:bob@example.org" }),
    ]
    const named = await p.encrypt(utf8("x"), { recipients: [alice.certificate] })
    const hidden = named.slice()
    // The key ID in the session key packet (RFC 9580 §5.1.1).
    hidden.fill(0, 3, 11)
    for (const sealed of [named, hidden]) {
      for (const decryptWith of [[], [bob]]) {
        const call = p.open(sealed, { decryptWith, verifyWith: [] })
        await expect(call).rejects.toMatchObject({ code: "CANNOT_DECRYPT", details: { because: "not-for-us" } })
      }
      const opened = await p.open(sealed, { decryptWith: [bob, alice], verifyWith: [] })
      expect(opened.encryptedTo).toBe(alice.certificate.fingerprint)
    }
  })

  it("R16: vouches for nobody: whose certificate is only in its keyring is unknown", async () => {
    const p = await provider()
    const { key } = await p.generate({ userId: ALICE })
    const sealed = await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: key })
    const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [] })
    expect(opened.signatures).toMatchObject([{ kind: "unverified", reason: "unknown-key" }])
  })

  it("R53: takes a User ID verbatim, and none that would be something else to gpg", async () => {
    const p = await provider()
    for (const userId of ["xmpp:ü☃%0a:<a>(b)@example.org", "xmpp:#%\\n@example.org", `xmpp:${"a".repeat(900)}@b`]) {
      const { key } = await p.generate({ userId })
      const { userIds } = await p.inspect(key.certificate.bytes)
      expect(userIds).toEqual([{ text: userId, status: "valid" }])
    }
    for (const userId of [" xmpp:a@b", "xmpp:a@b\n%no-protection", "xmpp:a@b\r", "\ud800"]) {
      await expect(p.generate({ userId })).rejects.toMatchObject({ code: "CONFIGURATION" })
    }
    await expect(p.generate({ userId: `xmpp:${"a".repeat(1000)}@b` })).rejects.toMatchObject({ code: "UNSUPPORTED" })
  })

  it("two providers on one homedir work at the same time", async () => {
    const homedir = await home()
    const [one, other] = [await provider({ homedir }), await provider({ homedir })]
    const made = await Promise.all(
      [one, other, one, other].map((p, i) => p.generate({ userId: `xmpp:${i}@example.org` })),
    )
    for (const { key } of made) expect(await other.secretKey(key.certificate.fingerprint)).toBeDefined()
  })
})

describe("without GnuPG", () => {
  it("a call says what to install", async () => {
    const homedir = await mkdtemp(join(tmpdir(), "gnupg-"))
    await mkdir(join(homedir, "bin"))
    const p = gnupg({ homedir, certificates: openpgpjs(), program: join(homedir, "bin", "gpg") })
    const call = p.generate({ userId: ALICE })
    await expect(call).rejects.toMatchObject({ code: "BACKEND", details: { backend: "gnupg" } })
    await expect(call).rejects.toThrow(/install/)
    await rm(homedir, { recursive: true })
  })
})
