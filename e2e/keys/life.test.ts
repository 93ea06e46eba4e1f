import { type Fingerprint, isAurochsError } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import {
  checkOwnKey,
  endDueRotation,
  judgeKeys,
  keyStatus,
  type LifeOptions,
  pepDirectory,
  prepareOwnKey,
  refreshKeys,
  renewKey,
  retireKey,
  revocationStateKey,
  revokeKey,
  revokeWithCertificate,
  rotateKey,
  rotationOf,
  tofu,
} from "@aurochs/keys"
import { memoryStorage } from "@aurochs/storage"
import { describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, type Made, putKeys, romeo, standingClock } from "./people.ts"
import { type PepBehaviour, pepService, stanzaError } from "./pep-service.ts"

const { provider, keys } = await julietKeys(2)
const [first, foreign] = keys as [Made, Made]
const DAY_MS = 86_400_000
const utf8 = (text: string) => new TextEncoder().encode(text)

/** Juliet, whose first key is announced; Romeo, who has read it. */
async function setUp(behaviour: PepBehaviour = {}, more: Partial<LifeOptions> = {}) {
  const service = pepService(behaviour)
  const clock = standingClock()
  const storage = memoryStorage()
  const directory = pepDirectory({ transport: service.transport(juliet), provider, clock })
  const { secrets, state, audit } = storage
  const o: LifeOptions = { account: juliet, provider, secrets, state, audit, clock, directory, ...more }
  const start = () => prepareOwnKey({ ...o, durable: true })
  await secrets.save(juliet, (await provider.secrets?.export(first.key, { passphrase: "none" })) ?? utf8(""))
  const theirs = memoryStorage()
  const romeos = pepDirectory({ transport: service.transport(romeo), provider, clock })
  const place = { keys: theirs.keys, state: theirs.state, audit: theirs.audit, account: romeo, provider, clock }
  return {
    service,
    clock,
    storage,
    directory,
    o,
    start,
    /** What Romeo's policy says of Juliet's keys now. */
    async romeoReads() {
      const { known, changed } = await refreshKeys({ ...place, owner: juliet, directory: romeos })
      const judged = await judgeKeys({ owner: juliet, known, provider, trust: tofu(), now: clock.now() })
      const decisions = Object.fromEntries(judged.map(({ key, decision }) => [key.fingerprint, decision]))
      return { decisions, changed: changed.map(({ kind, fingerprint }) => `${kind} ${fingerprint}`), known }
    },
    listed: async (): Promise<(Fingerprint | undefined)[]> => {
      const found = await collect(directory.lookup({ owner: juliet }))
      return Promise.all(
        found.map(async (one) => ("bytes" in one ? (await provider.inspect(one.bytes)).fingerprint : undefined)),
      )
    },
    audited: async () => (await collect(audit.read({ account: juliet }))).map(({ kind }) => kind),
    later(ms: number) {
      clock.set(new Date(clock.now().getTime() + ms).toISOString())
    },
  }
}

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

const sealedBy = (key: SecretKey, now: Date) =>
  provider.signcrypt(utf8("by the moon"), { recipients: [first.info], signWith: key, now })

describe("rotation", () => {
  test("the new key is announced beside the old one, certified by it, and signs from the next look on", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    const { from, to, retireAt, published, resumed } = await rotateKey(t.o)
    expect([from, resumed, published]).toEqual([first.info.fingerprint, false, [{ source: "pep" }]])
    expect(retireAt).toEqual(new Date(t.clock.now().getTime() + 30 * DAY_MS))
    expect(await t.listed()).toEqual([from, to])
    await using own = await t.start()
    expect(own.current.certificate.fingerprint).toBe(to)
    expect(own.keys.map((key) => key.certificate.fingerprint)).toEqual([from, to])
    expect(own.foreign).toEqual([])
    expect(await t.audited()).toContain("own-key-rotated")
    expect(await t.storage.state.get(revocationStateKey(juliet, to))).toBeDefined()
  })

  test("a contact that trusts the old key accepts the new one because the old one vouches for it, once", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    await t.romeoReads()
    t.later(DAY_MS)
    const { from, to } = await rotateKey(t.o)
    const { decisions, changed } = await t.romeoReads()
    expect(changed).toEqual([`key-new ${to}`])
    expect(decisions[to]).toEqual({ use: "encrypt+verify", level: "introduced", because: "certified" })
    expect(decisions[from]).toMatchObject({ use: "encrypt+verify", because: "first-key" })
    expect((await t.romeoReads()).changed).toEqual([])
  })

  test("A5: a key that the server adds is not accepted, nor one that certifies itself through a stranger", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    await t.romeoReads()
    t.later(DAY_MS)
    const at = { signWith: foreign.key, userId: `xmpp:${juliet}`, now: t.clock.now() }
    const { key } = await provider.generate({ userId: `xmpp:${juliet}` }, { now: t.clock.now() })
    const vouched = await provider.lifecycle?.certify(key.certificate.bytes, at)
    const added = await provider.inspect(vouched?.bytes ?? utf8(""))
    putKeys(t.service, juliet, [first.small, foreign.small, added])
    const { decisions } = await t.romeoReads()
    for (const print of [foreign.info.fingerprint, added.fingerprint]) {
      expect(decisions[print]).toEqual({ use: "never", level: "quarantined", because: "new-key" })
    }
    expect(decisions[first.info.fingerprint]).toMatchObject({ use: "encrypt+verify" })
  })

  test("R49: what is announced again after it was lost still has the old key's signature, and nothing else", async () => {
    const t = await setUp()
    const { to } = await rotateKey(t.o)
    await using own = await t.start()
    putKeys(t.service, juliet, [])
    t.service.put(juliet, "urn:xmpp:openpgp:0:public-keys", [])
    const place = { ...t.o, held: [own.current], all: own.keys }
    expect((await checkOwnKey(place)).kind).toBe("reannounced")
    const { decisions } = await t.romeoReads()
    expect(Object.keys(decisions)).toEqual([to])
    const found = await collect(t.directory.lookup({ owner: juliet, fingerprint: to }))
    const [copy] = found
    const by = [first.info]
    const asked = { by, userId: `xmpp:${juliet}`, now: t.clock.now() }
    expect(await provider.certifiedBy?.(copy && "bytes" in copy ? copy.bytes : utf8(""), asked)).toHaveLength(1)
  })

  test("interrupted before the announcement: the next try announces the same key and makes no third", async () => {
    let refuses = false
    const t = await setUp({
      before({ action }) {
        if (refuses && action === "publish") throw stanzaError("resource-constraint", "wait")
      },
    })
    await (await t.start())[Symbol.asyncDispose]()
    refuses = true
    expect(await thrownBy(rotateKey(t.o))).toMatchObject({ code: "STANZA_ERROR" })
    refuses = false
    const { to, resumed } = await rotateKey(t.o)
    expect(resumed).toBe(true)
    expect(await t.listed()).toEqual([first.info.fingerprint, to])
    await using own = await t.start()
    expect(own.keys).toHaveLength(2)
  })

  test("when the overlap is over the old key leaves the list, and is kept for old messages", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    await t.romeoReads()
    const { from, to } = await rotateKey({ ...t.o, overlapMs: DAY_MS })
    expect(await endDueRotation(t.o)).toBeUndefined()
    t.later(DAY_MS)
    expect(await endDueRotation(t.o)).toBe(from)
    expect(await endDueRotation(t.o)).toBeUndefined()
    expect(await t.listed()).toEqual([to])
    const { decisions } = await t.romeoReads()
    expect(decisions[from]).toMatchObject({ use: "verify-only", because: "not-announced" })
    expect(decisions[to]).toMatchObject({ use: "encrypt+verify" })
    await using own = await t.start()
    expect(own.current.certificate.fingerprint).toBe(to)
    const opened = await provider.open(await sealedBy(first.key, t.clock.now()), {
      decryptWith: own.keys,
      verifyWith: [],
    })
    expect(opened.encryptedTo).toBe(from)
    // It was taken out on purpose: it is not merged back (R48).
    expect((await checkOwnKey({ ...t.o, held: [own.current], all: own.keys })).kind).toBe("listed")
    expect(await t.listed()).toEqual([to])
  })

  test("A21: when the new key is revoked the rotation is over, and the old one stays in use", async () => {
    for (const how of ["by itself", "by its certificate", "elsewhere"]) {
      const t = await setUp()
      await (await t.start())[Symbol.asyncDispose]()
      const { from, to } = await rotateKey({ ...t.o, overlapMs: DAY_MS })
      const place = { state: t.storage.state, account: juliet }
      if (how === "by its certificate") {
        const revocation = (await t.storage.state.get(revocationStateKey(juliet, to)))?.bytes ?? utf8("")
        await revokeWithCertificate({ ...t.o, fingerprint: to, revocation })
      } else {
        // By an earlier version: the rotation is still there.
        const rotation = await t.storage.state.get(`own-key/rotation/${juliet}`)
        await revokeKey({ ...t.o, fingerprint: to, reason: "compromised" })
        if (how === "elsewhere") await t.storage.state.put(`own-key/rotation/${juliet}`, rotation?.bytes ?? utf8(""))
      }
      expect((await rotationOf(place)) === undefined).toBe(how !== "elsewhere")
      t.later(2 * DAY_MS)
      expect((await keyStatus(t.o)).advice.map(({ todo }) => todo)).not.toContain("retire")
      expect(await endDueRotation(t.o)).toBeUndefined()
      expect(await t.listed()).toContain(from)
      if (how !== "by its certificate") {
        expect(await rotationOf(place)).toBeUndefined()
        await using own = await t.start()
        expect(own.current.certificate.fingerprint).toBe(from)
      }
    }
  })

  test("the old key is not retired while the new one is not here, not announced, or out of date", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    const { from, to } = await rotateKey({ ...t.o, overlapMs: DAY_MS, expiresInMs: 3 * DAY_MS })
    const both = await collect(t.directory.lookup({ owner: juliet }))
    const certificates = await Promise.all(
      both.map((one) => provider.inspect("bytes" in one ? one.bytes : utf8(""), { now: t.clock.now() })),
    )
    t.later(2 * DAY_MS)
    const old = memoryStorage().secrets
    await old.save(juliet, (await t.storage.secrets.load(juliet))[0] ?? utf8(""))
    expect(await endDueRotation({ ...t.o, secrets: old })).toBeUndefined()
    putKeys(t.service, juliet, [first.small])
    expect(await endDueRotation(t.o)).toBeUndefined()
    expect((await keyStatus(t.o)).advice.map(({ todo }) => todo)).not.toContain("retire")
    putKeys(t.service, juliet, certificates)
    t.later(2 * DAY_MS)
    expect(await endDueRotation(t.o)).toBeUndefined()
    expect(await t.listed()).toEqual([from, to])
    await renewKey({ ...t.o, fingerprint: to, expiresInMs: undefined })
    const good = await collect(t.directory.lookup({ owner: juliet, fingerprint: to }))
    const copy = good[0] !== undefined && "bytes" in good[0] ? good[0].bytes : utf8("")
    const revocation = await t.storage.state.get(revocationStateKey(juliet, to))
    const revoked = await provider.merge(copy, revocation?.bytes ?? utf8(""))
    // By another client.
    putKeys(t.service, juliet, [first.small, await provider.inspect(revoked.bytes)])
    expect(await endDueRotation(t.o)).toBeUndefined()
    putKeys(t.service, juliet, [first.small, await provider.inspect(copy)])
    expect((await keyStatus(t.o)).advice).toContainEqual({ todo: "retire", fingerprint: from })
    expect(await endDueRotation(t.o)).toBe(from)
    expect(await t.listed()).toEqual([to])
  })

  test("three rotations: the chain of signatures reaches back to the first key", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    await t.romeoReads()
    const prints: string[] = []
    for (let i = 0; i < 3; i++) {
      t.later(DAY_MS)
      prints.push((await rotateKey({ ...t.o, overlapMs: 0 })).to)
      await endDueRotation(t.o)
      await t.romeoReads()
    }
    const { decisions } = await t.romeoReads()
    expect(decisions[prints[2] ?? ""]).toEqual({ use: "encrypt+verify", level: "introduced", because: "certified" })
  })

  test("without a usable key there is nothing that could vouch: no key is made", async () => {
    const t = await setUp()
    await revokeKey({ ...t.o, fingerprint: first.info.fingerprint, reason: "compromised" })
    const thrown = await thrownBy(rotateKey(t.o))
    expect(thrown).toMatchObject({ code: "NO_USABLE_KEY", details: { leftOut: [{ because: "revoked" }] } })
    expect(await t.listed()).toEqual([first.info.fingerprint])
  })

  test("with a passphrase the new key lies protected like the old one", async () => {
    const t = await setUp({}, { passphrase: () => utf8("star-crossed") })
    const { to } = await rotateKey(t.o)
    const last = (await t.storage.secrets.load(juliet)).at(-1) ?? utf8("")
    expect(isAurochsError(await thrownBy(provider.importSecret(last)), "KEY_LOCKED")).toBe(true)
    const [key] = await provider.importSecret(last, { passphrase: utf8("star-crossed") })
    expect(key?.certificate.fingerprint).toBe(to)
  })
})

describe("revocation", () => {
  test("A21: superseded: contacts verify what was signed before, and encrypt to it no more", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    await t.romeoReads()
    const before = await sealedBy(first.key, t.clock.now())
    t.later(DAY_MS)
    const { from, to } = await rotateKey(t.o)
    t.later(DAY_MS)
    await revokeKey({ ...t.o, fingerprint: from, reason: "superseded" })
    expect(await rotationOf({ state: t.storage.state, account: juliet })).toBeUndefined()
    const { decisions, changed, known } = await t.romeoReads()
    expect(changed).toContain(`key-revoked ${from}`)
    expect(decisions[from]).toMatchObject({ use: "verify-only", because: "revoked" })
    expect(decisions[to]).toMatchObject({ use: "encrypt+verify", because: "certified" })
    const opened = await provider.open(before, { decryptWith: [first.key], verifyWith: known, now: t.clock.now() })
    expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: from }])
    await using own = await t.start()
    expect([own.current.certificate.fingerprint, own.keys.length]).toEqual([to, 2])
  })

  test("A21: compromised: it vouches for nothing any more, neither for a message nor for the new key", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    await t.romeoReads()
    const before = await sealedBy(first.key, t.clock.now())
    t.later(DAY_MS)
    const { from, to } = await rotateKey(t.o)
    await revokeKey({ ...t.o, fingerprint: from, reason: "compromised" })
    const { decisions, known } = await t.romeoReads()
    expect(decisions[from]).toMatchObject({ use: "never", because: "revoked" })
    expect(decisions[to]).toMatchObject({ use: "never", because: "new-key" })
    const opened = await provider.open(before, { decryptWith: [first.key], verifyWith: known, now: t.clock.now() })
    expect(opened.signatures).toMatchObject([{ kind: "unverified", because: "revoked" }])
  })

  test("a revoked key is never in use again after a restart, and still decrypts", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    await revokeKey({ ...t.o, fingerprint: first.info.fingerprint, reason: "retired" })
    expect(await thrownBy(t.start())).toMatchObject({
      code: "NO_USABLE_KEY",
      details: { leftOut: [{ because: "revoked" }] },
    })
    expect((await keyStatus(t.o)).keys).toMatchObject([{ unusable: "revoked", presence: [{ state: "same" }] }])
    const keys = await provider.importSecret((await t.storage.secrets.load(juliet)).at(-1) ?? utf8(""))
    const sealed = await provider.encrypt(utf8("x"), { recipients: [first.info], now: t.clock.now() })
    expect((await provider.open(sealed, { decryptWith: keys, verifyWith: [] })).plaintext).toEqual(utf8("x"))
  })

  test("of a lost key: the revocation certificate made with it revokes the announced copy", async () => {
    const t = await setUp()
    const { to } = await rotateKey(t.o)
    const revocation = (await t.storage.state.get(revocationStateKey(juliet, to)))?.bytes ?? utf8("")
    const lost = { ...t.o, secrets: memoryStorage().secrets }
    await t.romeoReads()
    await revokeWithCertificate({ ...lost, fingerprint: to, revocation })
    expect((await t.romeoReads()).decisions[to]).toMatchObject({ use: "never", because: "revoked" })
    const wrong = revokeWithCertificate({ ...lost, fingerprint: first.info.fingerprint, revocation })
    expect(await thrownBy(wrong)).toMatchObject({ code: "NO_USABLE_KEY" })
  })

  test("it goes to every source that was opted in, and what failed there is told", async () => {
    const reached: string[] = []
    const other = (name: string, fails: boolean) => ({
      name,
      async *lookup() {},
      async publish() {
        if (fails) throw stanzaError("forbidden", "auth")
        reached.push(name)
      },
    })
    const t = await setUp({}, { alsoTo: [other("one", false), other("two", true)] })
    const changed = await revokeKey({ ...t.o, fingerprint: first.info.fingerprint, reason: "retired" })
    expect(changed.published).toEqual([{ source: "pep" }, { source: "one" }, { source: "two", failed: "STANZA_ERROR" }])
    expect(reached).toEqual(["one"])
  })
})

describe("expiry", () => {
  test("A21: an end is set and taken back; contacts see it; the secret store has it", async () => {
    const t = await setUp()
    await (await t.start())[Symbol.asyncDispose]()
    const { fingerprint } = first.info
    await t.romeoReads()
    await renewKey({ ...t.o, fingerprint, expiresInMs: DAY_MS })
    expect((await t.romeoReads()).decisions[fingerprint]).toMatchObject({ use: "encrypt+verify" })
    t.later(2 * DAY_MS)
    expect((await t.romeoReads()).decisions[fingerprint]).toMatchObject({ use: "verify-only", because: "expired" })
    expect(await thrownBy(t.start())).toMatchObject({ code: "NO_USABLE_KEY" })
    await renewKey({ ...t.o, fingerprint, expiresInMs: undefined })
    expect((await t.romeoReads()).decisions[fingerprint]).toMatchObject({ use: "encrypt+verify" })
    await using own = await t.start()
    expect(own.current.certificate.fingerprint).toBe(fingerprint)
  })
})

describe("status", () => {
  test("says what is announced, what differs and what to do", async () => {
    const t = await setUp()
    const { fingerprint } = first.info
    expect(await keyStatus(t.o)).toMatchObject({
      keys: [{ fingerprint, current: true, presence: [{ source: "pep", state: "absent" }] }],
      advice: [{ todo: "announce", fingerprint }],
    })
    await (await t.start())[Symbol.asyncDispose]()
    expect((await keyStatus(t.o)).advice).toEqual([])
    putKeys(t.service, juliet, [first.small, foreign.small])
    expect(await keyStatus(t.o)).toMatchObject({
      foreign: [foreign.info.fingerprint],
      advice: [{ todo: "examine", fingerprint: foreign.info.fingerprint }],
    })
    await retireKey({ ...t.o, fingerprint: foreign.info.fingerprint })
    await renewKey({ ...t.o, fingerprint, expiresInMs: 20 * DAY_MS })
    expect((await keyStatus(t.o)).advice).toMatchObject([{ todo: "renew", fingerprint }])
    const { to } = await rotateKey({ ...t.o, overlapMs: 0 })
    const { keys, advice } = await keyStatus(t.o)
    expect(keys).toMatchObject([
      { fingerprint, current: false, certifiedBy: [] },
      { fingerprint: to, current: true, certifiedBy: [fingerprint], presence: [{ state: "same" }] },
    ])
    expect(advice).toEqual([{ todo: "retire", fingerprint }])
    // Another client put an older copy of it back.
    putKeys(t.service, juliet, [first.small])
    expect((await keyStatus(t.o)).keys[0]).toMatchObject({ presence: [{ state: "differs" }] })
  })

  test("without a secret: bring the announced one, or make the first", async () => {
    const t = await setUp({}, { secrets: memoryStorage().secrets })
    expect((await keyStatus(t.o)).advice).toEqual([{ todo: "generate" }])
    putKeys(t.service, juliet, [foreign.small])
    expect((await keyStatus(t.o)).advice).toEqual([{ todo: "bring", fingerprints: [foreign.info.fingerprint] }])
  })
})
