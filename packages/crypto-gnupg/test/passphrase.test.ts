import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { homes, utf8 } from "./support/homes.ts"
import { missing } from "./support/program.ts"

const RIGHT = "correct horse battery"

describe.skipIf(missing)("protected keys", () => {
  const { home, provider } = homes()

  async function lockedKey() {
    const certificates = openpgpjs()
    const { key } = await certificates.generate({ userId: "xmpp:alice@example.org" })
    const bytes = await certificates.secrets?.export(key, { passphrase: utf8(RIGHT) })
    return { bytes: bytes ?? utf8(""), certificate: key.certificate }
  }

  it("stay protected on disk; their handle opens and signs without asking", async () => {
    const homedir = await home()
    const p = await provider({ homedir })
    const { bytes, certificate } = await lockedKey()
    const [key] = await p.importSecret(bytes, { passphrase: utf8(RIGHT) })
    if (key === undefined) throw new Error("no key")
    const sealed = await p.signcrypt(utf8("x"), { recipients: [certificate], signWith: key })
    const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [certificate] })
    expect(opened.signatures).toMatchObject([{ kind: "valid" }])
    const folder = join(homedir, "private-keys-v1.d")
    const files = await readdir(folder)
    expect(files).toHaveLength(2)
    for (const file of files) expect(await readFile(join(folder, file), "latin1")).toContain("protected-private-key")
  })

  it("are KEY_LOCKED after a restart, unless somebody tells the passphrase", async () => {
    const homedir = await home()
    const before = await provider({ homedir })
    const { bytes, certificate } = await lockedKey()
    await before.importSecret(bytes, { passphrase: utf8(RIGHT) })
    const sealed = await before.encrypt(utf8("secret"), { recipients: [certificate] })
    await before[Symbol.asyncDispose]()

    const { fingerprint } = certificate
    const asked: string[] = []
    let told: Uint8Array | undefined
    const after = await provider({
      homedir,
      async passphrase(of) {
        asked.push(of)
        return told
      },
    })
    const key = await after.secretKey(fingerprint)
    if (key === undefined) throw new Error("no key")
    const calls = [
      () => after.sign(utf8("x"), { signWith: key }),
      () => after.open(sealed, { decryptWith: [key], verifyWith: [] }),
      () => after.secrets?.export(key, { passphrase: "none" }),
      () => after.lifecycle?.renew(key, { expiresInMs: 86_400_000 }),
      () => after.lifecycle?.revoke(key),
    ]
    const expectLocked = async () => {
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({ code: "KEY_LOCKED", details: { fingerprint } })
      }
    }
    await expectLocked()
    told = utf8("wrong")
    await expectLocked()
    expect(new Set(asked)).toEqual(new Set([fingerprint]))
    told = utf8("two\nlines")
    await expect(calls[0]?.()).rejects.toMatchObject({ code: "UNSUPPORTED" })
    told = utf8(RIGHT)
    for (const call of calls) await call()
  })

  it("a passphrase that cannot be given to gpg is refused before anything is kept", async () => {
    const certificates = openpgpjs()
    const { key } = await certificates.generate({ userId: "xmpp:alice@example.org" })
    const p = await provider()
    for (const passphrase of ["two\nlines", "x".repeat(256)].map(utf8)) {
      const bytes = (await certificates.secrets?.export(key, { passphrase })) ?? utf8("")
      await expect(p.importSecret(bytes, { passphrase })).rejects.toMatchObject({ code: "UNSUPPORTED" })
    }
    expect(await p.secretKey(key.certificate.fingerprint)).toBeUndefined()
  })

  it("a key on a card that is not there is KEY_LOCKED and cannot be exported", async (context) => {
    const homedir = await home()
    const p = await provider({ homedir })
    const { key } = await p.generate({ userId: "xmpp:alice@example.org" })
    const sealed = await p.encrypt(utf8("x"), { recipients: [key.certificate] })
    await p[Symbol.asyncDispose]()
    const folder = join(homedir, "private-keys-v1.d")
    for (const file of await readdir(folder)) {
      const path = join(folder, file)
      const stub = onCard(await readFile(path, "latin1"))
      if (stub === undefined) return context.skip("this agent writes its keys in another form")
      await writeFile(path, stub)
    }
    const later = await provider({ homedir })
    const card = await later.secretKey(key.certificate.fingerprint)
    if (card === undefined) throw new Error("gpg does not take it for a key on a card")
    const exported = later.secrets?.export(card, { passphrase: "none" })
    await expect(exported).rejects.toMatchObject({ code: "UNSUPPORTED" })
    const locked = { code: "KEY_LOCKED", details: { fingerprint: key.certificate.fingerprint } }
    await expect(later.sign(utf8("x"), { signWith: card })).rejects.toMatchObject(locked)
    await expect(later.open(sealed, { decryptWith: [card], verifyWith: [] })).rejects.toMatchObject(locked)
  })
})

/** What the agent keeps of a key whose secret is on a card: its public part and the card's number. */
function onCard(file: string): string | undefined {
  const secret = /\(d\s+#[0-9A-F\s]+#\)/
  if (!file.includes("(private-key ") || !secret.test(file)) return undefined
  const where = "(shadowed t1-v1 (#D2760001240103040006123456780000# OPENPGP.1))"
  return file.replace("(private-key ", "(shadowed-private-key ").replace(secret, where)
}
