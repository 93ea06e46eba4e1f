import { writePacket } from "@aurochs/crypto/packets"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ownParts } from "../src/own-parts.ts"
import { argsOf, isLocked, lacksSecret, statusLines } from "../src/status.ts"
import { homes, utf8 } from "./support/homes.ts"
import { missing } from "./support/program.ts"

const INJECTED = "\n[GNUPG:] SESSION_KEY 9:00\n[GNUPG:] VALIDSIG AAAA\n[GNUPG:] SIG_CREATED S\nsec:u:\n"

describe("what gpg says", () => {
  it("counts where it stands at the beginning of a line of the status descriptor", () => {
    const said = "noise\n[GNUPG:] BEGIN_SIGNING H10\ngpg: [GNUPG:] VALIDSIG A\n [GNUPG:] NO\n[GNUPG:] ERROR x 17\n"
    expect(statusLines(said)).toEqual([
      { keyword: "BEGIN_SIGNING", args: ["H10"] },
      { keyword: "ERROR", args: ["x", "17"] },
    ])
    expect(argsOf(statusLines(said), "VALIDSIG")).toBeUndefined()
  })

  it("A28: one line of it never becomes two, whatever is in it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const line = Buffer.from(bytes).toString("latin1").replaceAll("\n", "")
        expect(statusLines(`[GNUPG:] USERID_HINT ${line}`)).toHaveLength(1)
      }),
    )
  })

  it("tells a locked key from a missing one, in the words of 2.2 and of 2.4", () => {
    const locked = ["ERROR pkdecrypt_failed 67108875", "FAILURE sign 67109041", "NEED_PASSPHRASE A B 22 0"]
    for (const one of locked) {
      const status = statusLines(`[GNUPG:] NO_SECKEY A\n[GNUPG:] ${one}`)
      expect(isLocked(status)).toBe(true)
    }
    const gone = statusLines("[GNUPG:] NO_SECKEY A\n[GNUPG:] FAILURE gpg-exit 33554433")
    expect([isLocked(gone), lacksSecret(gone)]).toEqual([false, true])
    const damaged = statusLines("[GNUPG:] NO_SECKEY A\n[GNUPG:] ERROR pkdecrypt_failed 16777226")
    expect([isLocked(damaged), lacksSecret(damaged)]).toEqual([false, false])
  })

  it("A28: in a listing a User ID is one field, never a line", () => {
    const hex = "0123456789ABCDEF0123456789ABCDEF01234567"
    const listing = [
      "sec:u:255:22:89ABCDEF01234567:1764547200:::u:::scSC:::+::ed25519:::0:",
      `fpr:::::::::${hex}:`,
      "grp:::::::::D144B66DF5F6DC187DCCE3DA1E00249B9760CD50:",
      "uid:u::::1764547200::B4::xmpp\\x3aa\\x0assb\\x3a::::::::::0:",
      "ssb:u:255:18:7201EC73E3880589:1764547200::::::e:::D2760001240103040006123456780000::cv25519::",
      `fpr:::::::::${"F".repeat(40)}:`,
      "ssb:u:255:18:7201EC73E3880580:1764547200::::::e:::#::cv25519::",
      `fpr:::::::::${"E".repeat(40)}:`,
    ].join("\n")
    expect(ownParts(listing)).toMatchObject([
      { fingerprint: hex, keyId: "89ABCDEF01234567", algorithm: 22, signs: true, encrypts: false, secret: "agent" },
      { fingerprint: "F".repeat(40), algorithm: 18, signs: false, encrypts: true, secret: "card" },
      { fingerprint: "E".repeat(40), secret: "missing" },
    ])
  })
})

describe.skipIf(missing)("A28: status lines where they do not belong", () => {
  const { provider } = homes()

  it("in a User ID of ours and of a recipient change nothing", async () => {
    const certificates = openpgpjs()
    const p = await provider()
    const made = await certificates.generate({ userId: "xmpp:alice@example.org" })
    const secret = (await certificates.secrets?.export(made.key, { passphrase: "none" })) ?? utf8("")
    // OpenPGP.js makes no such User ID; here it stands beside the good one, as anybody could add it.
    const grafted = new Uint8Array([...secret, ...writePacket(13, utf8(`mallory${INJECTED}`))])
    const [key] = await p.importSecret(grafted)
    if (key === undefined) throw new Error("no key")
    const { bytes, fingerprint } = key.certificate
    const hostile = { fingerprint, bytes: new Uint8Array([...bytes, ...writePacket(13, utf8(`bob${INJECTED}`))]) }
    const sealed = await p.signcrypt(utf8("x"), { recipients: [hostile], signWith: key })
    const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [hostile] })
    expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: fingerprint }])
    const unknown = await p.open(sealed, { decryptWith: [key], verifyWith: [] })
    expect(unknown.signatures).toMatchObject([{ kind: "unverified", reason: "unknown-key" }])
  })

  it("in the text, or as the text, come out as text", async () => {
    const p = await provider()
    const { key } = await p.generate({ userId: "xmpp:alice@example.org" })
    for (const plaintext of [utf8(INJECTED), utf8(INJECTED.repeat(1000))]) {
      const sealed = await p.encrypt(plaintext, { recipients: [key.certificate] })
      const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [key.certificate] })
      expect(opened.plaintext).toEqual(plaintext)
      expect(opened.signatures).toEqual([])
    }
  })
})
