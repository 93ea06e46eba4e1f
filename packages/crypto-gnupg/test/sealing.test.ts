import { execFileSync } from "node:child_process"
import { readPackets, writePackets } from "@aurochs/crypto/packets"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { homes, utf8 } from "./support/homes.ts"
import { missing, program } from "./support/program.ts"

const LONG = utf8("a line of text that gpg would send in many parts\n".repeat(4_000))

describe.skipIf(missing)("what gpg seals", () => {
  const { home, provider } = homes()

  it("R2: has definite lengths, also where gpg writes partial ones", async () => {
    const p = await provider()
    const { key } = await p.generate({ userId: "xmpp:alice@example.org" })
    const options = { recipients: [key.certificate], signWith: key }
    for (const sealed of [await p.signcrypt(LONG, options), await p.sign(LONG, options)]) {
      const packets = readPackets(sealed, { maxPackets: 10 })
      if (typeof packets === "string") throw new Error(packets)
      expect(writePackets(packets)).toEqual(sealed)
      const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [key.certificate] })
      expect(opened.plaintext).toEqual(LONG)
      expect(opened.signatures).toMatchObject([{ kind: "valid" }])
    }
  })

  it("I8: a recipient that GnuPG cannot encrypt to is named, and nothing is sealed for the others", async () => {
    const p = await provider()
    const { key } = await p.generate({ userId: "xmpp:alice@example.org" })
    const six = (await openpgpjs().generate({ userId: "xmpp:six@example.org", version: 6 })).key.certificate
    const call = p.signcrypt(utf8("x"), { recipients: [key.certificate, six], signWith: key })
    await expect(call).rejects.toMatchObject({
      code: "NO_USABLE_KEY",
      details: { owner: "six@example.org", leftOut: [{ fingerprint: six.fingerprint, because: "unsupported" }] },
    })
  })

  it("is signed by a subkey where the primary key may only certify, and by the primary key where it may sign", async () => {
    const homedir = await home()
    const p = await provider({ homedir })
    const gpg = (...args: string[]) =>
      execFileSync(
        program ?? "gpg",
        ["--homedir", homedir, "--batch", "--status-fd", "1", "--passphrase", "", ...args],
        {
          stdio: ["ignore", "pipe", "ignore"],
        },
      ).toString()
    for (const usage of ["cert", "cert,sign"]) {
      const said = gpg("--quick-generate-key", `xmpp:${usage}@example.org`, "ed25519", usage, "never")
      const fingerprint = /KEY_CREATED \w ([0-9A-F]{40})/.exec(said)?.[1] ?? ""
      gpg("--quick-add-key", fingerprint, "ed25519", "sign", "never")
      const key = await p.secretKey(fingerprint)
      if (key === undefined) throw new Error("no key")
      const signed = await p.sign(utf8("x"), { signWith: key })
      const opened = await p.open(signed, { decryptWith: [], verifyWith: [key.certificate] })
      expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: fingerprint }])
      const unknown = await p.open(signed, { decryptWith: [], verifyWith: [] })
      const [verdict] = unknown.signatures
      const issuer = verdict?.kind === "unverified" && verdict.reason === "unknown-key" ? verdict.issuer : undefined
      expect(fingerprint.endsWith((issuer ?? "").toUpperCase())).toBe(usage === "cert,sign")
    }
  })
})
