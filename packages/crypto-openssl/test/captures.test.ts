import { readFileSync } from "node:fs"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { openssl } from "../src/index.ts"

// Stanzas that Profanity 0.13.1 (GnuPG 2.2) and go-sendxmpp 0.5.7 (GopenPGP) really sent.

const folder = new URL("../../../vectors/captures/", import.meta.url)
const now = new Date("2026-11-23T02:14:40Z")

const key = (name: string, kind: "pub" | "sec"): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`keys/${name}.${kind}.gpg`, folder)))

function message(file: string): Uint8Array {
  const base64 = /<openpgp[^>]*>([^<]*)</.exec(readFileSync(new URL(file, folder), "utf8"))?.[1] ?? ""
  return new Uint8Array(Buffer.from(base64, "base64"))
}

describe("captured messages of other clients", () => {
  it.each([
    ["00-profanity-alice-to-bob.xml", "alice", "bob"],
    ["01-profanity-bob-to-alice.xml", "bob", "alice"],
    ["03-profanity-alice-to-bot.xml", "alice", "bot"],
    ["06-gosendxmpp-bot-to-alice.xml", "bot", "alice"],
  ])("%s opens on the fast path, signed by %s, for %s", async (file, from, to) => {
    const handedOn: string[] = []
    const provider = openssl({ fallback: openpgpjs(), onHandedOn: (call) => handedOn.push(call) })
    const decryptWith = await provider.importSecret(key(to, "sec"))
    const sender = await provider.inspect(key(from, "pub"), { now })
    const opened = await provider.open(message(file), { decryptWith, verifyWith: [sender], now })
    expect(opened).toMatchObject({ encrypted: true, encryptedTo: decryptWith[0]?.certificate.fingerprint })
    expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: sender.fingerprint }])
    expect(new TextDecoder().decode(opened.plaintext)).toMatch(/^<signcrypt/)
    expect(handedOn).toEqual([])
  })
})
