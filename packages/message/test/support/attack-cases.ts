import { element, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import * as pgp from "openpgp"
import { type People, type Setting, usualSetting } from "./attack-setting.ts"
import {
  bodyXml,
  type ContentText,
  contentText,
  type Forgery,
  flipped,
  forge,
  joined,
  now,
  openpgpOf,
  outerBody,
  stanzaOf,
} from "./forge.ts"
import { withoutIntegrity } from "./odd-keys.ts"

// The attacks of which golden vectors are made: scripts/make-vectors.ts writes them, attacks.test.ts runs them.

/** One attack as it is written to `vectors/attacks/<attack>-<name>/`. */
export interface AttackCase {
  readonly attack: string
  readonly name: string
  /** One sentence for people. */
  readonly what: string
  readonly stanza: XmlElement
  readonly setting?: Partial<Setting>
  readonly expect: Readonly<Record<string, unknown>> | null
}

const rejected = (check: string) => ({ kind: "rejected", check })
const unverified = (reason: string) => ({ kind: "unverified", reason })
const secure = (more: Readonly<Record<string, unknown>> = {}) => ({ kind: "secure", body: "hello", ...more })
const known = (...certificates: string[]): Partial<Setting> => ({
  keysOf: certificates.map((certificate) => ({ owner: "bob@ox.test", certificate })),
})

/** Every attack, made with these keys. */
export async function attackCases(people: People): Promise<AttackCase[]> {
  const { alice, bob, carol, mallory } = people
  const sealed = async (parts: ContentText | string | Uint8Array, over: Partial<Forgery> = {}) => {
    const text = typeof parts === "string" || parts instanceof Uint8Array ? parts : contentText(parts)
    return openpgpOf(await forge({ text, for: [alice], by: [bob], ...over }))
  }
  const message = async (parts: ContentText | string | Uint8Array, over: Partial<Forgery> = {}) =>
    stanzaOf([outerBody, await sealed(parts, over)])
  const forCarol = { to: "<to jid='carol@ox.test'/>" }
  const inside = (xml: string): ContentText => ({ payload: `<payload>${xml}${bodyXml("hello")}</payload>` })
  const plain = await forge({ text: contentText(), for: [alice], by: [bob] })
  const hour = (n: number) => new Date(now.getTime() + n * 3_600_000)
  const at = (date: Date): ContentText => ({ time: `<time stamp='${date.toISOString()}'/>` })
  const bobAndCarol = { keysOf: [...usualSetting.keysOf, { owner: "carol@ox.test", certificate: "carol" }] }

  const rows: [string, string, string, XmlElement, AttackCase["expect"], Partial<Setting>?][] = [
    [
      "A1",
      "forwarded",
      "Bob wrote to carol; carol sealed it again for alice.",
      await message(forCarol),
      rejected("recipient"),
    ],
    [
      "A1",
      "forwarded-relabelled",
      "The same, and the stanza names carol.",
      stanzaOf([await sealed(forCarol)], { to: "carol@ox.test" }),
      rejected("recipient"),
    ],
    [
      "A3",
      "signature-stripped",
      "Encrypted, and nobody signed it.",
      await message({}, { by: [] }),
      rejected("signature"),
    ],
    [
      "A4",
      "suffix",
      "The key's User ID is xmpp:bob@ox.test.evil.",
      await message({}, { by: [people["bob-suffix"]] }),
      rejected("user-id"),
      known("bob-suffix"),
    ],
    [
      "A4",
      "other-user-id",
      "Mallory's key is listed by bob's account.",
      await message({}, { by: [mallory] }),
      rejected("user-id"),
      known("mallory"),
    ],
    [
      "A4",
      "grafted",
      "Bob's User ID was put on mallory's certificate without a signature.",
      await message({}, { by: [mallory] }),
      rejected("user-id"),
      known("mallory-grafted"),
    ],
    [
      "A4",
      "user-id-revoked",
      "Bob revoked the User ID.",
      await message({}),
      rejected("user-id"),
      known("bob-user-id-revoked"),
    ],
    [
      "A7",
      "crypt",
      "A <crypt/>, encrypted and not signed, as it should be; but not in instant messaging.",
      await message({ kind: "crypt", to: "" }, { by: [] }),
      rejected("signature"),
    ],
    ["A7", "crypt-signed", "A <crypt/> that is signed.", await message({ kind: "crypt" }), rejected("unsupported")],
    [
      "A7",
      "sign",
      "A <sign/>, signed and not encrypted, as it should be; but not in instant messaging.",
      await message({ kind: "sign" }, { for: [] }),
      rejected("unsupported"),
    ],
    ["A7", "sign-encrypted", "A <sign/> that is encrypted.", await message({ kind: "sign" }), rejected("unsupported")],
    [
      "A7",
      "signcrypt-signed-only",
      "A <signcrypt/> that is not encrypted.",
      await message({}, { for: [] }),
      rejected("unsupported"),
    ],
    ["A8", "two-payloads", "Two <payload/>.", await message({ more: "<payload/>" }), rejected("syntax")],
    [
      "A8",
      "two-content-elements",
      "Two <signcrypt/> in one text.",
      await message(contentText() + contentText()),
      rejected("syntax"),
    ],
    [
      "A8",
      "two-openpgp",
      "Two <openpgp/> in one stanza.",
      stanzaOf([openpgpOf(plain), openpgpOf(plain)]),
      rejected("syntax"),
    ],
    [
      "A8",
      "nested",
      "A <signcrypt/> in the payload of another.",
      await message(inside(contentText())),
      rejected("syntax"),
    ],
    [
      "A9",
      "namespace",
      "A <signcrypt/> in another namespace.",
      await message({ attributes: "xmlns='urn:xmpp:openpgp:00'" }),
      rejected("syntax"),
    ],
    [
      "A9",
      "bodyguard",
      "An element whose name begins like body's.",
      await message({ payload: "<payload><bodyguard xmlns='jabber:client'>hello</bodyguard></payload>" }),
      secure({ body: null }),
    ],
    [
      "A9",
      "body-in-no-namespace",
      "A <body/> without any namespace.",
      await message({ payload: "<payload><body xmlns=''>hello</body></payload>" }),
      secure({ body: null }),
    ],
    [
      "A10",
      "outer-content",
      "Body, link and correction outside; the text inside says something else.",
      stanzaOf([
        outerBody,
        element("x", "jabber:x:oob", {}, [element("url", "jabber:x:oob", {}, ["https://evil.example"])]),
        element("replace", "urn:xmpp:message-correct:0", { id: "m0" }),
        openpgpOf(plain),
      ]),
      secure({ payload: ["body"] }),
    ],
    [
      "A10",
      "fallback",
      "What cannot be decrypted has a body outside.",
      await message({}, { for: [carol] }),
      rejected("decrypt"),
    ],
    [
      "A10",
      "omemo",
      "OMEMO with its fallback body.",
      stanzaOf([
        outerBody,
        element("encrypted", "eu.siacs.conversations.axolotl"),
        element("encryption", namespaces.eme, { namespace: "eu.siacs.conversations.axolotl" }),
      ]),
      rejected("unsupported"),
    ],
    [
      "A11",
      "server-only",
      "Hints, stanza id, addresses, delay, a carbon, an error and EME inside.",
      await message(inside(SERVER_ONLY)),
      secure({ payload: ["body"] }),
    ],
    [
      "A11",
      "openpgp-inside",
      "An <openpgp/> inside.",
      await message(inside("<openpgp xmlns='urn:xmpp:openpgp:0'>AAAA</openpgp>")),
      secure({ payload: ["body"] }),
    ],
    [
      "A12",
      "sent-carbon",
      "A sent carbon of a message that is not ours.",
      stanzaOf([outerBody], { from: "mallory@ox.test/x", to: "bob@ox.test" }),
      null,
      { via: "carbon-sent" },
    ],
    [
      "A15",
      "bit-flipped",
      "One bit of the encrypted data is another.",
      stanzaOf([openpgpOf(flipped(plain, plain.length - 40))]),
      rejected("decrypt"),
    ],
    [
      "A15",
      "truncated",
      "The last 22 bytes, the integrity check, are gone.",
      stanzaOf([openpgpOf(plain.subarray(0, -22))]),
      { kind: "rejected" },
    ],
    [
      "A15",
      "without-integrity",
      "Encrypted without integrity protection.",
      stanzaOf([openpgpOf(await withoutIntegrity(alice, bob))]),
      { kind: "rejected" },
    ],
    [
      "A16",
      "bomb",
      "16 MiB of one byte, compressed.",
      await message(new Uint8Array(BOMB_BYTES).fill(0x20), {
        config: { preferredCompressionAlgorithm: pgp.enums.compression.zlib },
      }),
      rejected("limit"),
    ],
    [
      "A16",
      "long",
      "More text than 256 KiB.",
      await message(inside(`<x xmlns='urn:x'>${"long ".repeat(60_000)}</x>`)),
      rejected("limit"),
    ],
    [
      "A17",
      "doctype",
      "A document type with an entity.",
      await message(`<!DOCTYPE a [<!ENTITY b 'c'>]>${contentText()}`),
      rejected("syntax"),
    ],
    [
      "A17",
      "depth",
      "5,000 elements in one another.",
      await message(inside(`<a xmlns='urn:a'>${"<a>".repeat(5000)}${"</a>".repeat(5001)}`)),
      rejected("limit"),
    ],
    [
      "A17",
      "attributes",
      "5,000 attributes on one element.",
      await message(inside(`<a xmlns='urn:a' ${Array.from({ length: 5000 }, (_, i) => `a${i}=''`).join(" ")}/>`)),
      rejected("limit"),
    ],
    [
      "A17",
      "duplicate-attribute",
      "Two jid on one <to/>.",
      await message({ to: "<to jid='carol@ox.test' jid='alice@ox.test'/>" }),
      rejected("syntax"),
    ],
    [
      "A17",
      "bad-utf8",
      "A byte that is no UTF-8.",
      await message(flipped(new TextEncoder().encode(contentText()), contentText().indexOf("hello"), 0x80)),
      rejected("syntax"),
    ],
    ["A17", "nul", "NUL in the text.", await message(inside("\u0000")), rejected("syntax")],
    [
      "A20",
      "rsa1024",
      "Signed with 1,024 bits of RSA.",
      await message({}, { by: [people["bob-weak"]] }),
      unverified("unusable-key"),
      known("bob-weak"),
    ],
    [
      "A21",
      "revoked",
      "Signed with a key that is revoked.",
      await message({}),
      unverified("unusable-key"),
      known("bob-revoked"),
    ],
    ["A22", "future", "An hour ahead.", await message(at(hour(1)), { date: hour(1) }), rejected("time")],
    [
      "A22",
      "future-signature",
      "The signature is an hour ahead of the text.",
      await message({}, { date: hour(1) }),
      rejected("time"),
    ],
    ["A22", "past", "Nine days old, and live.", await message(at(hour(-216)), { date: hour(-216) }), rejected("time")],
    [
      "A22",
      "past-of-the-stamp",
      "Nine days older than the archive's stamp.",
      await message(at(hour(-216)), { date: hour(-216) }),
      rejected("time"),
      { via: "mam", stampedAt: "2026-11-23T11:00:00Z" },
    ],
    [
      "A26",
      "second-unknown",
      "A second signature by a key that nobody knows.",
      await message({}, { by: [bob, mallory] }),
      rejected("signature"),
    ],
    [
      "A26",
      "second-contact",
      "A second signature by another contact.",
      await message({}, { by: [bob, carol] }),
      rejected("signature"),
      bobAndCarol,
    ],
    [
      "A26",
      "other-contact",
      "Signed by another contact alone.",
      await message({}, { by: [carol] }),
      rejected("signer"),
      bobAndCarol,
    ],
    [
      "A26",
      "unknown",
      "Signed by a key that nobody knows.",
      await message({}, { by: [mallory] }),
      unverified("unknown-key"),
    ],
    [
      "A27",
      "concatenated",
      "Two messages, one after the other.",
      stanzaOf([openpgpOf(joined(plain, plain))]),
      rejected("syntax"),
    ],
    ["A29", "not-for-us", "For carol only.", await message({}, { for: [carol] }), rejected("decrypt")],
    [
      "A29",
      "hidden",
      "For a hidden recipient, who is somebody else.",
      await message({}, { for: [carol], hidden: true }),
      rejected("decrypt"),
    ],
  ]
  return rows.map(([attack, name, what, stanza, expect, setting]) => ({
    attack,
    name,
    what,
    stanza,
    expect,
    ...(setting === undefined ? {} : { setting }),
  }))
}

const BOMB_BYTES = 16 * 1024 * 1024

const SERVER_ONLY =
  "<store xmlns='urn:xmpp:hints'/><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='alice@ox.test'/>" +
  "<addresses xmlns='http://jabber.org/protocol/address'/><delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>" +
  "<received xmlns='urn:xmpp:carbons:2'/><error xmlns='jabber:client' type='cancel'/>" +
  "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:other'/>"
