import { readFileSync } from "node:fs"
import { bareJid, type Delivery, element, type KnownKey, type XmlElement } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { blindBeforeVerification } from "@aurochs/keys"
import { parseXml } from "@aurochs/xml"
import { describe, expect, it } from "vitest"
import { open, openpgpBytesOf } from "../src/index.ts"
import { openpgpOf } from "./support/forge.ts"

const now = new Date("2026-11-23T02:14:40Z")
const folder = new URL("../../../vectors/captures/", import.meta.url)
const provider = openpgpjs()

const captures = [
  { file: "00-profanity-alice-to-bob.xml", from: "alice", to: "bob" },
  { file: "01-profanity-bob-to-alice.xml", from: "bob", to: "alice" },
  { file: "03-profanity-alice-to-bot.xml", from: "alice", to: "bot" },
  { file: "06-gosendxmpp-bot-to-alice.xml", from: "bot", to: "alice" },
]

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, folder)))
// The files come out of a stream: its namespace is not written on them.
const stanzaOf = (file: string): XmlElement =>
  parseXml(readFileSync(new URL(file, folder), "utf8").replace("<message ", "<message xmlns='jabber:client' "))

async function keyOf(user: string, owner: string = user): Promise<KnownKey> {
  const bytes = bytesOf(`keys/${user}.pub.gpg`)
  const { fingerprint } = await provider.inspect(bytes, { now })
  return {
    fingerprint,
    bytes,
    owner: bareJid(`${owner}@ox.test`),
    firstSeen: now,
    source: "pep",
    binds: "account",
    announced: true,
    approval: "none",
  }
}

const secretsOf = (user: string): Promise<SecretKey[]> => provider.importSecret(bytesOf(`keys/${user}.sec.gpg`))

const live = (stanza: XmlElement): Delivery => ({ stanza, via: "live", kept: () => undefined })

async function opened(stanza: XmlElement, to: string, keysOf: KnownKey[], at: Date = now) {
  const account = bareJid(`${to}@ox.test`)
  const decryptWith = await secretsOf(to)
  return open(live(stanza), { account, provider, decryptWith, keysOf, trust: blindBeforeVerification(), now: at })
}

describe.each(captures)("$file", ({ file, from, to }) => {
  it("is secure, and shows what was written (R1, R15, R16, R17, R19, R20)", async () => {
    const key = await keyOf(from)
    const incoming = await opened(stanzaOf(file), to, [key])
    expect(incoming).toMatchObject({ kind: "secure", signedBy: key.fingerprint, peer: `${from}@ox.test` })
    if (incoming?.kind !== "secure") throw new Error("not secure")
    expect(incoming.body).toBeTruthy()
    expect(incoming.body).not.toContain("XEP-0373")
    expect(Math.abs(incoming.writtenAt.getTime() - now.getTime())).toBeLessThan(10_000)
    expect(incoming.replayKey).toMatch(/^[0-9a-f]{64}$/)
  })

  it("is opened by its recipient only (R19)", async () => {
    const stanza = stanzaOf(file)
    const elsewhere = { ...stanza, attributes: { ...stanza.attributes, to: `${from}@ox.test` } }
    expect(await opened(elsewhere, to, [await keyOf(from)])).toMatchObject({ kind: "rejected", check: "recipient" })
  })

  it("is unverified with another certificate, rejected if that one is somebody else's (R16, R17)", async () => {
    const third = ["alice", "bob", "bot"].find((user) => user !== from && user !== to) ?? ""
    expect(await opened(stanzaOf(file), to, [])).toMatchObject({ kind: "unverified", reason: "unknown-key" })
    expect(await opened(stanzaOf(file), to, [await keyOf(third, from)])).toMatchObject({
      kind: "unverified",
      reason: "unknown-key",
    })
    expect(await opened(stanzaOf(file), to, [await keyOf(from, third)])).toMatchObject({
      kind: "rejected",
      check: "signer",
    })
  })

  it("with a byte flipped is rejected, or still says what was signed (R15)", async () => {
    const stanza = stanzaOf(file)
    const bytes = openpgpBytesOf(stanza)
    if (bytes === undefined) throw new Error("no OpenPGP message")
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 12)) {
      const altered = bytes.slice()
      altered[at] = (altered[at] ?? 0) ^ 1
      const children = stanza.children.map((child) =>
        typeof child !== "string" && child.name === "openpgp" ? openpgpOf(altered) : child,
      )
      const incoming = await opened(element("message", stanza.namespace, stanza.attributes, children), to, [
        await keyOf(from),
      ])
      // A session key packet for somebody else may be altered: the text stays what was signed.
      if (incoming?.kind !== "secure") expect(incoming?.kind).toBe("rejected")
      else expect(incoming.body).toBe((await bodyOf(file, from, to)) ?? "")
    }
  })

  it("is too old a fortnight later (R20)", async () => {
    const later = new Date(now.getTime() + 14 * 86_400_000)
    expect(await opened(stanzaOf(file), to, [await keyOf(from)], later)).toMatchObject({ check: "time" })
  })
})

async function bodyOf(file: string, from: string, to: string): Promise<string | undefined> {
  const incoming = await opened(stanzaOf(file), to, [await keyOf(from)])
  return incoming?.kind === "secure" ? incoming.body : undefined
}
