import { chmod, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readPackets, tag } from "@aurochs/crypto/packets"
import { describe, expect, it, vi } from "vitest"
import { homes, utf8 } from "./support/homes.ts"
import { missing } from "./support/program.ts"

const SERIAL = "D2760001240103040006123456780000"
const PIN = "123456"
const CARD = fileURLToPath(new URL("support/card.mjs", import.meta.url))

describe.skipIf(missing)(`a key on a smart card${missing === undefined ? "" : `: ${missing}`}`, () => {
  const { home, provider } = homes()

  /** A homedir whose one key is on a card, and the card. */
  async function withCard() {
    const homedir = await home()
    const first = await provider({ homedir })
    const made = (await first.generate({ userId: "xmpp:alice@example.org" })).key
    const secret = (await first.secrets?.export(made, { passphrase: "none" })) ?? utf8("")
    await first[Symbol.asyncDispose]()
    const [state, log, reader] = ["card.json", "card.log", "scdaemon"].map((name) => join(homedir, name))
    const grips: Record<string, string> = {}
    const folder = join(homedir, "private-keys-v1.d")
    for (const file of await readdir(folder)) {
      const text = await readFile(join(folder, file), "latin1")
      const id = text.includes("Ed25519") ? "OPENPGP.1" : "OPENPGP.2"
      grips[file.replace(".key", "")] = id
      await writeFile(join(folder, file), onCard(text, id))
    }
    const put = (inserted: boolean, hangs = false) =>
      writeFile(
        state ?? "",
        JSON.stringify({ inserted, hangs, serial: SERIAL, pin: PIN, log, grips, ...secretsOf(secret) }),
      )
    await put(true)
    await writeFile(log ?? "", "")
    await writeFile(reader ?? "", `#!/bin/sh\nexec '${process.execPath}' '${CARD}' '${state}'\n`)
    await chmod(reader ?? "", 0o700)
    await writeFile(join(homedir, "gpg-agent.conf"), `s2k-count 65536\nscdaemon-program ${reader}\n`)
    return {
      homedir,
      certificate: made.certificate,
      put,
      told: async () => (await readFile(log ?? "", "utf8")).split("\n"),
    }
  }

  it("signs and opens with the PIN that it is told, and is found again by its fingerprint", async () => {
    const { homedir, certificate } = await withCard()
    const asked: string[] = []
    const passphrase = async (of: string) => {
      asked.push(of)
      return utf8(PIN)
    }
    for (const p of [await provider({ homedir, passphrase }), await provider({ homedir, passphrase })]) {
      const key = await p.secretKey(certificate.fingerprint)
      if (key === undefined) throw new Error("gpg does not take it for a key on a card")
      const sealed = await p.signcrypt(utf8("x"), { recipients: [certificate], signWith: key })
      const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [certificate] })
      expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: certificate.fingerprint }])
      await expect(p.secrets?.export(key, { passphrase: "none" })).rejects.toMatchObject({ code: "UNSUPPORTED" })
    }
    expect(new Set(asked)).toEqual(new Set([certificate.fingerprint]))
  })

  it("with a wrong PIN, or with none, is KEY_LOCKED; the card is tried once, and not at all without one", async () => {
    const { homedir, certificate, told } = await withCard()
    const [none, wrong] = [
      await provider({ homedir }),
      await provider({ homedir, passphrase: async () => utf8("000000") }),
    ]
    const locked = { code: "KEY_LOCKED", details: { fingerprint: certificate.fingerprint } }
    const sealed = await none.encrypt(utf8("x"), { recipients: [certificate] })
    for (const [p, pins] of [
      [none, 0],
      [wrong, 2],
    ] as const) {
      const key = await p.secretKey(certificate.fingerprint)
      if (key === undefined) throw new Error("no key")
      await expect(p.sign(utf8("x"), { signWith: key })).rejects.toMatchObject(locked)
      await expect(p.open(sealed, { decryptWith: [key], verifyWith: [] })).rejects.toMatchObject(locked)
      expect((await told()).filter((line) => line === "D …")).toHaveLength(pins)
    }
  })

  it("that is not in its reader is KEY_LOCKED at once: nobody is asked for a PIN", async () => {
    const { homedir, certificate, put } = await withCard()
    await put(false)
    let asked = 0
    const passphrase = async () => {
      asked++
      return utf8(PIN)
    }
    const p = await provider({ homedir, passphrase, timeoutMs: 20_000 })
    const key = await p.secretKey(certificate.fingerprint)
    if (key === undefined) throw new Error("no key")
    const sealed = await p.encrypt(utf8("x"), { recipients: [certificate] })
    const locked = { code: "KEY_LOCKED", details: { fingerprint: certificate.fingerprint } }
    await expect(p.sign(utf8("x"), { signWith: key })).rejects.toMatchObject(locked)
    await expect(p.open(sealed, { decryptWith: [key], verifyWith: [] })).rejects.toMatchObject(locked)
    await expect(p.lifecycle?.renew(key, { expiresInMs: 86_400_000 })).rejects.toMatchObject(locked)
    expect(asked).toBe(0)
  })

  it("whose reader does not answer is given up after timeoutMs, or when the call is aborted; gpg has ended then", async () => {
    const { homedir, certificate, put } = await withCard()
    const p = await provider({ homedir, passphrase: async () => utf8(PIN), timeoutMs: 3_000 })
    const key = await p.secretKey(certificate.fingerprint)
    if (key === undefined) throw new Error("no key")
    await put(true, true)
    await p[Symbol.asyncDispose]()
    await expect(p.sign(utf8("x"), { signWith: key })).rejects.toMatchObject({ code: "BACKEND" })
    const signal = AbortSignal.timeout(500)
    await expect(p.sign(utf8("x"), { signWith: key, signal })).rejects.toMatchObject({ code: "ABORTED" })
    await p[Symbol.asyncDispose]()
    await vi.waitFor(async () => expect(await commandsThatName(homedir)).toEqual([]), 5_000)
  })
})

/** What is running with this in its arguments; nothing where the system has no /proc. */
async function commandsThatName(text: string): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name))
  const commands = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""))
  return (await Promise.all(commands)).filter((command) => command.includes(text))
}

/** What the agent keeps of a key whose secret is on a card: its public part, and where it is. */
function onCard(file: string, id: string): string {
  const secret = /\(d\s+#[0-9A-F\s]+#\)/
  return file.replace("(private-key ", "(shadowed-private-key ").replace(secret, `(shadowed t1-v1 (#${SERIAL}# ${id}))`)
}

/** PKCS #8 of the two secrets of a key without protection (RFC 9580 §5.5.3). */
function secretsOf(transferable: Uint8Array): { sign: string; decrypt: string } {
  const packets = readPackets(transferable, { maxPackets: 20 })
  if (typeof packets === "string") throw new Error(packets)
  const scalar = (type: number, publicBytes: number) => {
    const body = packets.find((one) => one.tag === type)?.body ?? new Uint8Array()
    const value = Buffer.from(body.subarray(publicBytes + 3, -2))
    return Buffer.concat([Buffer.alloc(32 - value.length), value])
  }
  return {
    sign: `302e020100300506032b657004220420${scalar(tag.secretKey, 51).toString("hex")}`,
    decrypt: `302e020100300506032b656e04220420${scalar(tag.secretSubkey, 56).reverse().toString("hex")}`,
  }
}
