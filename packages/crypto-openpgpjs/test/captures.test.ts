import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"

// Stanzas that Profanity 0.13.1 (GnuPG 2.2) and go-sendxmpp 0.5.7 (GopenPGP) really sent.

const folder = new URL("../../../vectors/captures/", import.meta.url)
const now = new Date("2026-11-23T02:14:40Z")

function key(name: string, kind: "pub" | "sec"): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`keys/${name}.${kind}.gpg`, folder)))
}

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
  ])("%s opens, signed by %s, for %s", async (file, from, to) => {
    const provider = openpgpjs()
    const [own] = await provider.importSecret(key(to, "sec"))
    const sender = await provider.inspect(key(from, "pub"), { now })
    if (own === undefined) throw new Error("no secret key")
    expect(sender.userIds).toEqual([{ text: `xmpp:${from}@ox.test`, status: "valid" }])
    expect(sender).toMatchObject({ canEncrypt: true, canSign: true, algorithm: "ed25519Legacy" })
    const opened = await provider.open(message(file), { decryptWith: [own], verifyWith: [sender], now })
    expect(opened).toMatchObject({ encrypted: true, encryptedTo: own.certificate.fingerprint })
    expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: sender.fingerprint }])
    expect(new TextDecoder().decode(opened.plaintext)).toMatch(/^<signcrypt/)
    // The sender reads it too: it was encrypted to itself.
    const [theirs] = await provider.importSecret(key(from, "sec"))
    if (theirs === undefined) throw new Error("no secret key")
    const again = await provider.open(message(file), { decryptWith: [theirs], verifyWith: [], now })
    expect(again.plaintext).toEqual(opened.plaintext)
  })
})
