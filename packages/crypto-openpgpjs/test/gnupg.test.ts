import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SecretKey } from "@aurochs/crypto"
import { programOr } from "@aurochs/debian-programs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"

const found = await programOr("gpg", "gpg")
const agent = await programOr("gpg-agent", "gpg-agent")
const connect = await programOr("gpg-connect-agent", "gpgconf")
/** Where it cannot be had these tests are skipped and say so. */
const missing = found.missing ?? agent.missing ?? connect.missing
const GPG: string = found.missing === undefined ? found.path : ""
const AGENT: string = agent.missing === undefined ? agent.path : ""
const CONNECT: string = connect.missing === undefined ? connect.path : ""
const libraries = found.missing === undefined ? found.env : {}
const text = "<signcrypt xmlns='urn:xmpp:openpgp:0'>ünïcode\r\nand lines\n</signcrypt>"

describe("GnuPG", () => {
  const provider = openpgpjs()
  let home = ""
  let ours: SecretKey
  let theirs: SecretKey

  const gpg = (args: readonly string[], input?: Uint8Array) =>
    execFileSync(
      GPG,
      ["--agent-program", AGENT, "--batch", "--quiet", "--no-tty", "--trust-model", "always", ...args],
      {
        env: { ...process.env, ...libraries, GNUPGHOME: home, LC_ALL: "C" },
        input,
        stdio: ["pipe", "pipe", "pipe"],
      },
    )
  const status = (args: readonly string[], input: Uint8Array) =>
    spawnSync(
      GPG,
      ["--agent-program", AGENT, "--batch", "--no-tty", "--trust-model", "always", "--status-fd", "2", ...args],
      {
        env: { ...process.env, ...libraries, GNUPGHOME: home, LC_ALL: "C" },
        input,
      },
    ).stderr.toString()

  beforeAll(async () => {
    if (missing !== undefined) return
    home = mkdtempSync(join(tmpdir(), "aurochs-gnupg-"))
    ours = (await provider.generate({ userId: "xmpp:ours@example.org" })).key
    gpg(["--passphrase", "", "--quick-generate-key", "xmpp:theirs@example.org", "default", "default", "never"])
    const [key] = await provider.importSecret(gpg(["--export-secret-keys", "xmpp:theirs@example.org"]))
    if (key === undefined) throw new Error("no key")
    theirs = key
    gpg(["--import"], ours.certificate.bytes)
  })

  afterAll(() => {
    if (home === "") return
    const env = { ...process.env, ...libraries, GNUPGHOME: home }
    spawnSync(CONNECT, ["--no-autostart", "KILLAGENT", "/bye"], { env })
    rmSync(home, { recursive: true, force: true })
  })

  it("R1 R3: reads what we seal, and finds our signature good", async (context) => {
    if (missing !== undefined) return context.skip(missing)
    const recipients = [theirs.certificate, ours.certificate]
    const sealed = await provider.signcrypt(new TextEncoder().encode(text), { recipients, signWith: ours })
    expect(gpg(["--decrypt"], sealed).toString()).toBe(text)
    const said = status(["--decrypt"], sealed)
    expect(said).toContain(`VALIDSIG ${ours.certificate.fingerprint}`)
    expect(said).toContain("DECRYPTION_INFO 2 9")
    expect(said).toContain("GOODMDC")
  })

  it("seals what we open: compressed, to us hidden, with and without partial lengths", async (context) => {
    if (missing !== undefined) return context.skip(missing)
    const long = text.repeat(2000)
    const verifyWith = [theirs.certificate]
    for (const more of [[], ["-z", "0"], ["--compress-algo", "bzip2"], ["--textmode"], ["--throw-keyids"]]) {
      for (const plain of [text, long]) {
        const file = join(home, "plain")
        writeFileSync(file, plain)
        const args = ["--sign", "--encrypt", "-r", ours.certificate.fingerprint, ...more]
        for (const sealed of [gpg(args, Buffer.from(plain)), gpg([...args, "--output", "-", file])]) {
          const opened = await provider.open(sealed, { decryptWith: [ours], verifyWith })
          const got = new TextDecoder().decode(opened.plaintext)
          expect(got.replace(/\r\n/g, "\n")).toBe(plain.replace(/\r\n/g, "\n"))
          if (!more.includes("--textmode")) expect(got).toBe(plain)
          expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: theirs.certificate.fingerprint }])
        }
      }
    }
  })

  it("R41: imports the secret key that we export, with and without a passphrase", async (context) => {
    if (missing !== undefined) return context.skip(missing)
    for (const passphrase of ["none", new TextEncoder().encode("pass")] as const) {
      const { key } = await provider.generate({ userId: "xmpp:exported@example.org" })
      const bytes = (await provider.secrets?.export(key, { passphrase })) ?? new Uint8Array()
      gpg(["--pinentry-mode", "loopback", "--passphrase", passphrase === "none" ? "" : "pass", "--import"], bytes)
      const listed = gpg(["--with-colons", "--list-secret-keys", key.certificate.fingerprint]).toString()
      expect(listed).toContain(`fpr:::::::::${key.certificate.fingerprint}:`)
    }
  })

  it("R44: opens a backup by its password, and we open GnuPG's", async (context) => {
    if (missing !== undefined) return context.skip(missing)
    const password = "TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW"
    const { secrets } = provider
    const sealed = (await secrets?.encryptWithPassword(Buffer.from(text), { password })) ?? new Uint8Array()
    const args = ["--pinentry-mode", "loopback", "--passphrase", password]
    expect(gpg([...args, "--decrypt"], sealed).toString()).toBe(text)
    const theirs = gpg([...args, "--symmetric", "--cipher-algo", "AES256"], Buffer.from(text))
    expect(Buffer.from((await secrets?.decryptWithPassword(theirs, { password })) ?? []).toString()).toBe(text)
  })

  it("A21: a revocation certificate revokes in GnuPG, and GnuPG's revocation is read", async (context) => {
    if (missing !== undefined) return context.skip(missing)
    const { key, revocation } = await provider.generate({ userId: "xmpp:revoked@example.org" })
    const revoked = await provider.merge(key.certificate.bytes, revocation ?? new Uint8Array())
    gpg(["--import"], revoked.bytes)
    const listed = gpg(["--with-colons", "--list-keys", key.certificate.fingerprint]).toString()
    expect(listed).toMatch(/^pub:r:/m)
    const renewed = await provider.lifecycle?.renew(ours, { expiresInMs: 86_400_000 })
    gpg(["--import"], renewed?.certificate.bytes ?? new Uint8Array())
    expect(gpg(["--with-colons", "--list-keys", ours.certificate.fingerprint]).toString()).toMatch(
      /^pub:[^:]*:[^:]*:[^:]*:[^:]*:\d+:\d+:/m,
    )
  })

  it("an RSA key of GnuPG that signs and encrypts with its primary key works both ways", async (context) => {
    if (missing !== undefined) return context.skip(missing)
    const parameters =
      "%no-protection\nKey-Type: RSA\nKey-Length: 2048\nName-Real: xmpp:rsa@example.org\nExpire-Date: 0\n"
    gpg(["--generate-key"], Buffer.from(parameters))
    const [rsa] = await provider.importSecret(gpg(["--export-secret-keys", "xmpp:rsa@example.org"]))
    if (rsa === undefined) throw new Error("no key")
    expect(await provider.inspect(rsa.certificate.bytes)).toMatchObject({ canEncrypt: true, algorithm: "rsa2048" })
    const sealed = gpg(["-s", "-u", "xmpp:rsa@example.org", "-e", "-r", "xmpp:rsa@example.org"], Buffer.from(text))
    const opened = await provider.open(sealed, { decryptWith: [rsa], verifyWith: [rsa.certificate] })
    expect(Buffer.from(opened.plaintext).toString()).toBe(text)
    expect(opened.signatures).toMatchObject([{ kind: "valid" }])
    const back = await provider.signcrypt(Buffer.from(text), { recipients: [rsa.certificate], signWith: rsa })
    expect(gpg(["--decrypt"], back).toString()).toBe(text)
  })
}, 60_000)
