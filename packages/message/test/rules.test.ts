import { bareJid, type KnownKey, type TrustDecision } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { pinned, verifiedOnly } from "@aurochs/keys"
import * as pgp from "openpgp"
import { beforeAll, describe, expect, it } from "vitest"
import {
  bodyXml,
  born,
  contentText,
  forge,
  knownKey,
  now,
  openpgpOf,
  outerBody,
  person,
  personOf,
  stanzaOf,
} from "./support/forge.ts"
import { withGrafted, withoutExpiry, withRevokedUserId } from "./support/odd-keys.ts"
import {
  expectSecure,
  provider,
  receive,
  receiveContent,
  rejected,
  unverified,
  type World,
  world,
} from "./support/world.ts"

let people: World
beforeAll(async () => {
  people = await world()
})

const trusted: TrustDecision = { use: "encrypt+verify", level: "blind", because: "first-key" }
const minutes = (n: number): Date => new Date(now.getTime() + n * 60_000)
const timeOf = (date: Date): string => `<time stamp='${date.toISOString()}'/>`

describe("the text (XEP-0373 §3.1)", () => {
  it("R1: is exactly one content element in the namespace of OX", async () => {
    expectSecure(await receiveContent(people, {}))
    const wrongNamespace = { attributes: "xmlns='urn:xmpp:openpgp:1'" }
    expect(await receiveContent(people, wrongNamespace)).toEqual(rejected("syntax"))
    for (const text of [contentText().repeat(2), `x${contentText()}`, `${contentText()}x`, "hello", ""]) {
      expect(await receiveContent(people, text)).toEqual(rejected("syntax"))
    }
  })

  it("R1: is strict UTF-8", async () => {
    const good = new TextEncoder().encode(contentText({ payload: `<payload>${bodyXml("h\u00e9llo")}</payload>` }))
    const bad = good.slice()
    bad[bad.indexOf(0xc3)] = 0xff
    const both = { for: [people.alice], by: [people.bob] }
    expectSecure(await receive(people, stanzaOf([openpgpOf(await forge({ text: good, ...both }))])))
    const received = await receive(people, stanzaOf([openpgpOf(await forge({ text: bad, ...both }))]))
    expect(received).toEqual(rejected("syntax"))
  })

  it("R1: stands in Base64 in <openpgp/>", async () => {
    for (const text of ["", "not base64!", "AAA", "aGVsbG8="]) {
      expect(await receive(people, stanzaOf([openpgpOf(text)]))).toEqual(rejected("syntax"))
    }
  })

  it("R3, I10: is encrypted and signed", async () => {
    expect(await receiveContent(people, {}, { by: [] })).toEqual(rejected("signature"))
    expect(await receiveContent(people, {}, { for: [] })).toEqual(rejected("unsupported"))
  })

  it("R5, R6, I10: is a <signcrypt/>, also when another element is protected as one", async () => {
    expect(await receiveContent(people, { kind: "sign" })).toEqual(rejected("unsupported"))
    expect(await receiveContent(people, { kind: "crypt" })).toEqual(rejected("unsupported"))
  })

  it.each([
    ["R7: no <time/>", { time: "" }],
    ["R7: two <time/>", { time: timeOf(now).repeat(2) }],
    ["R7: a nested <time/>", { time: "", payload: `<payload>${timeOf(now)}${bodyXml("hello")}</payload>` }],
    ["R8: a <to/> without jid", { to: "<to/>" }],
    ["R8: a <to/> with an empty jid", { to: "<to jid=''/>" }],
    ["R11: no stamp", { time: "<time/>" }],
    ["R11: a day that does not exist", { time: "<time stamp='2026-02-30T00:00:00Z'/>" }],
    ["R12: two <rpad/>", { rpad: "<rpad>a</rpad><rpad>b</rpad>" }],
    ["R13: no <payload/>", { payload: "" }],
    ["R13: two <payload/>", { payload: "<payload/><payload/>" }],
    ["R13: two <payload/> in two namespaces", { payload: "<payload/><payload xmlns='jabber:client'/>" }],
  ])("%s is rejected", async (_, parts) => {
    expect(await receiveContent(people, parts)).toEqual(rejected("syntax"))
  })

  it("R14: gives no body to handlers unless everything was verified", async () => {
    const { bob, carol } = people
    const unknown = await receiveContent(people, {}, {}, { keysOf: [] })
    expect(unknown).toMatchObject({ kind: "unverified", unverifiedBody: "hello" })
    for (const received of [unknown, await receiveContent(people, {}, { by: [bob, carol] })]) {
      expect(received).not.toHaveProperty("body")
      expect(received).not.toHaveProperty("payload")
      expect(received).not.toHaveProperty("replayKey")
    }
  })
})

describe("the signature (XEP-0373 §3.2)", () => {
  it("R15: an altered text is rejected", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    bytes[bytes.length - 30] = (bytes.at(-30) ?? 0) ^ 1
    expect(await receive(people, stanzaOf([outerBody, openpgpOf(bytes)]))).toEqual(rejected("decrypt"))
  })

  it("R15: what an engine calls invalid is rejected, also beside a valid signature", async () => {
    const certificate = people.bob.key.getFingerprint().toUpperCase()
    const invalid = { kind: "invalid", certificate } as const
    const valid = { kind: "valid", certificate, signedAt: now } as const
    for (const signatures of [[invalid], [valid, invalid], [invalid, valid]]) {
      const lying: CryptoProvider = {
        ...provider,
        open: async (bytes, options) => ({ ...(await provider.open(bytes, options)), signatures }),
      }
      expect(await receiveContent(people, {}, {}, { provider: lying })).toEqual(rejected("signature"))
    }
  })

  it("R15, A25: what an engine cannot tell is unverified; rejected, if it cannot tell forgeries and keys are known", async () => {
    const vague = (verdicts: CryptoProvider["verdicts"]): CryptoProvider => ({
      ...provider,
      verdicts,
      open: async (bytes, options) => ({
        ...(await provider.open(bytes, options)),
        signatures: [{ kind: "unverified", reason: "undetermined", issuer: "0123456789ABCDEF" }],
      }),
    })
    const undetermined = { kind: "unverified", reason: "undetermined", issuer: "0123456789ABCDEF" }
    const open = (verdicts: CryptoProvider["verdicts"], keysOf?: readonly KnownKey[]) =>
      receiveContent(people, {}, {}, { provider: vague(verdicts), ...(keysOf === undefined ? {} : { keysOf }) })
    expect(await open("full")).toMatchObject(undetermined)
    expect(await open("valid-only", [])).toMatchObject(undetermined)
    // Keys of somebody else are none of the sender's.
    expect(await open("valid-only", [knownKey(people.alice, people.alice)])).toMatchObject(undetermined)
    expect(await open("valid-only")).toEqual(rejected("signature"))
  })

  it("R15: a key that expired before signing is unverified, one that expired since stays secure", async () => {
    const day = 86_400
    const short = await person("bob", { keyExpirationTime: 20 * day })
    const keysOf = [knownKey(short, short)]
    const early = new Date(born.getTime() + 19 * day * 1000)
    const signedEarly = { by: [short], date: early }
    const received = await receiveContent(people, { time: timeOf(early) }, signedEarly, { keysOf, stampedAt: early })
    expect(expectSecure(received).trust).toMatchObject({ use: "verify-only", because: "expired" })
    // The library refuses to sign with an expired key; a key that forgot its expiry does not.
    const signer = personOf(short.jid, await withoutExpiry(short.key))
    const late = await receiveContent(people, {}, { by: [signer] }, { keysOf })
    expect(late).toEqual(unverified("unusable-key"))
  })

  it("R15, A21: a revoked key is unverified", async () => {
    const { publicKey } = await pgp.revokeKey({
      key: people.bob.key,
      reasonForRevocation: { flag: pgp.enums.reasonForRevocation.keyCompromised },
      date: born,
      format: "object",
    })
    const revoked = { ...people.bob, certificate: publicKey.write() }
    const received = await receiveContent(people, {}, {}, { keysOf: [knownKey(revoked, revoked)] })
    expect(received).toMatchObject({ kind: "unverified", reason: "unusable-key" })
  })

  it("R16, A32: the key is the sender's, and trust is that of the very key that signed", async () => {
    const { bob, carol } = people
    const second = await person("bob")
    const verified = knownKey(bob, bob, { approval: "verified" })
    const keysOf = [verified, knownKey(bob, second)]
    expect(expectSecure(await receiveContent(people, {}, {}, { keysOf })).trust.level).toBe("verified")
    const received = await receiveContent(people, {}, { by: [second] }, { keysOf })
    expect(received).toMatchObject({ kind: "unverified", reason: "untrusted-key" })
    const others = [verified, knownKey(carol, carol)]
    expect(await receiveContent(people, {}, { by: [carol] }, { keysOf: others })).toEqual(rejected("signer"))
  })

  it("R16: one certificate known for two accounts counts for the sender", async () => {
    const { bob, carol } = people
    const shared = await person("bob", { userIDs: [{ name: `xmpp:${bob.jid}` }, { name: `xmpp:${carol.jid}` }] })
    const keysOf = [knownKey(carol, shared), knownKey(bob, shared)]
    expectSecure(await receiveContent(people, {}, { by: [shared] }, { keysOf }))
  })

  it("A26: several signatures are accepted only if each is a valid one of the same key of the sender", async () => {
    const { bob, carol } = people
    expectSecure(await receiveContent(people, {}, { by: [bob, bob] }))
    const second = await person("bob")
    const both = [knownKey(bob, bob), knownKey(second, second)]
    const twoPeople = [knownKey(bob, bob), knownKey(carol, carol)]
    for (const [by, keysOf] of [
      [[bob, second], both],
      [[second, bob], both],
      [[bob, second], both.slice(0, 1)],
      [[bob, carol], twoPeople],
      [[carol, bob], twoPeople],
    ] as const) {
      expect(await receiveContent(people, {}, { by }, { keysOf })).toEqual(rejected("signature"))
    }
  })

  it("a certificate that cannot be read verifies nothing and spoils nothing", async () => {
    const broken = {
      ...knownKey(people.bob, people.bob),
      fingerprint: "0".repeat(40),
      bytes: new Uint8Array([1, 2, 3]),
    }
    const keysOf = [broken, knownKey(people.bob, people.bob)]
    expectSecure(await receiveContent(people, {}, {}, { keysOf }))
    expect(await receiveContent(people, {}, {}, { keysOf: [broken] })).toEqual(unverified("unknown-key"))
  })

  it("a key that the policy does not trust is unverified, with its fingerprint", async () => {
    const issuer = people.bob.key.getFingerprint().toUpperCase()
    const reason = "untrusted-key"
    for (const trust of [verifiedOnly(), pinned([])]) {
      const received = await receiveContent(people, {}, {}, { trust })
      expect(received).toMatchObject({ kind: "unverified", reason, issuer, unverifiedBody: "hello" })
    }
    const keysOf = [knownKey(people.bob, people.bob, { approval: "distrusted" })]
    expect(await receiveContent(people, {}, {}, { keysOf })).toEqual(unverified(reason))
  })
})

describe("the User ID (R17)", () => {
  const named = (...names: string[]) => person("bob", { userIDs: names.map((name) => ({ name })) })

  it.each(["xmpp:bob@ox.test", "xmpp:BOB@OX.TEST"])("R17, R53: %s is bob's", async (name) => {
    const bob = await named("Bob <bob@ox.test>", name)
    expectSecure(await receiveContent(people, {}, { by: [bob] }, { keysOf: [knownKey(bob, bob)] }))
  })

  it.each([
    "bob@ox.test",
    "xmpp:carol@ox.test",
    "xmpp:bob@ox.test.evil",
    "xmpp:bob@ox.test/phone",
    "xmpp:bob@ox.test ",
    " xmpp:bob@ox.test",
    "Bob <xmpp:bob@ox.test>",
    "xmpp:evil!bob@ox.test",
    "xmpp://bob@ox.test",
    "mailto:bob@ox.test",
  ])("R17, A4: %s is not", async (name) => {
    const bob = await named(name)
    expect(await receiveContent(people, {}, { by: [bob] }, { keysOf: [knownKey(bob, bob)] })).toEqual(
      rejected("user-id"),
    )
  })

  it("R17, A4: one that was grafted or revoked does not count", async () => {
    const mallory = await named("xmpp:mallory@ox.test")
    const grafted = personOf(mallory.jid, await withGrafted(mallory.key, "xmpp:bob@ox.test"))
    const revoked = personOf(people.bob.jid, await withRevokedUserId(people.bob.key))
    for (const { by, certificate } of [
      { by: mallory, certificate: grafted },
      { by: people.bob, certificate: revoked },
    ]) {
      const received = await receiveContent(people, {}, { by: [by] }, { keysOf: [knownKey(people.bob, certificate)] })
      expect(received).toEqual(rejected("user-id"))
    }
  })

  it("R17: one that expired since counts for what was signed before", async () => {
    const day = 86_400
    const bob = await person("bob", { keyExpirationTime: 20 * day })
    const early = new Date(born.getTime() + 19 * day * 1000)
    const keysOf = [knownKey(bob, bob)]
    const then = { keysOf, stampedAt: early, trust: () => trusted }
    expectSecure(await receiveContent(people, { time: timeOf(early) }, { by: [bob], date: early }, then))
  })
})

describe("the recipient (R19)", () => {
  it("R19, R51: one <to/> is the outer to, after RFC 7622", async () => {
    const sharp = await person("alice", { userIDs: [{ name: "xmpp:stra\u00dfe@ox.test" }] })
    const to = { ...sharp, jid: bareJid("stra\u00dfe@ox.test") }
    const bytes = await forge({
      text: contentText({ to: "<to jid='STRA\u00dfE@Ox.Test.'/>" }),
      for: [to],
      by: [people.bob],
    })
    expectSecure(await receive(people, stanzaOf([openpgpOf(bytes)], { to: "stra\u00dfe@ox.test/x" }), { to }))
    expect(await receiveContent(people, { to: "<to jid='alice@ox.test.evil'/>" })).toEqual(rejected("recipient"))
    expect(await receiveContent(people, { to: "<to jid='alicia@ox.test'/>" })).toEqual(rejected("recipient"))
    expect(await receiveContent(people, { to: "<to jid='@'/>" })).toEqual(rejected("recipient"))
  })

  it("R19, A1: a message for carol, sealed again for alice, is rejected whatever the stanza says", async () => {
    const text = contentText({ to: "<to jid='carol@ox.test'/>" })
    const bytes = await forge({ text, for: [people.alice], by: [people.bob] })
    expect(await receive(people, stanzaOf([openpgpOf(bytes)]))).toEqual(rejected("recipient"))
    const stanza = stanzaOf([openpgpOf(bytes)], { to: "carol@ox.test" })
    expect(await receive(people, stanza)).toEqual(rejected("recipient"))
  })

  it("R19: a stanza without to is for the account", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    expectSecure(await receive(people, stanzaOf([openpgpOf(bytes)], { to: undefined })))
  })

  it("R19: what another client of ours sent names the peer", async () => {
    const { alice, carol } = people
    const keysOf = [knownKey(alice, alice)]
    const attributes = { from: "alice@ox.test/laptop", to: "carol@ox.test/home" }
    for (const via of ["carbon-sent", "mam"] as const) {
      const right = await forge({ text: contentText({ to: "<to jid='carol@ox.test'/>" }), for: [alice], by: [alice] })
      const received = await receive(people, stanzaOf([openpgpOf(right)], attributes), { via, keysOf })
      expect(expectSecure(received)).toMatchObject({ direction: "out", peer: carol.jid, account: alice.jid })
      const wrong = await forge({ text: contentText(), for: [alice], by: [alice] })
      const other = await receive(people, stanzaOf([openpgpOf(wrong)], attributes), { via, keysOf })
      expect(other).toEqual(rejected("recipient"))
    }
  })
})

describe("the time (R20, A22)", () => {
  it.each([
    ["now", 0, "secure"],
    ["9 minutes ahead", 9, "secure"],
    ["11 minutes ahead", 11, "rejected"],
    ["6 days ago", -6 * 1440, "secure"],
    ["8 days ago", -8 * 1440, "rejected"],
  ])("R20: live, %s", async (_, ahead, kind) => {
    const received = await receiveContent(people, { time: timeOf(minutes(ahead)) })
    expect(received).toMatchObject(kind === "secure" ? { kind } : { kind, check: "time" })
    if (received?.kind === "secure") expect(received.writtenAt).toEqual(minutes(ahead))
  })

  it("R20: of an archived message the archive's stamp counts, not the age", async () => {
    const then = minutes(-15 * 1440)
    const parts = { time: timeOf(then) }
    expect(await receiveContent(people, parts, { date: then })).toEqual(rejected("time"))
    expectSecure(await receiveContent(people, parts, { date: then }, { via: "mam", stampedAt: then }))
    const muchLater = minutes(-2 * 1440)
    const late = await receiveContent(people, parts, { date: then }, { via: "mam", stampedAt: muchLater })
    expect(late).toEqual(rejected("time"))
    const before = new Date(then.getTime() - 11 * 60_000)
    const early = await receiveContent(people, parts, { date: then }, { via: "mam", stampedAt: before })
    expect(early).toEqual(rejected("time"))
  })

  it("A22: a signature dated in the future is rejected now, and accepted once the clock allows", async () => {
    const hourAhead = minutes(60)
    const bytes = await forge({
      text: contentText({ time: timeOf(hourAhead) }),
      for: [people.alice],
      by: [people.bob],
      date: hourAhead,
    })
    const stanza = stanzaOf([openpgpOf(bytes)])
    expect(await receive(people, stanza)).toEqual(rejected("time"))
    expectSecure(await receive(people, stanza, { now: hourAhead }))
  })

  it("A22: a signature dated in the future does not pass because <time/> is not", async () => {
    expect(await receiveContent(people, {}, { date: minutes(60) })).toEqual(rejected("time"))
  })
})
