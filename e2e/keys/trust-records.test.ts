import {
  AurochsError,
  bareJid,
  type CallOptions,
  type Certificate,
  cryptoRandom,
  type Fingerprint,
  fingerprint,
  type KnownKey,
} from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import {
  type AuthenticatedKeys,
  authenticatedKeys,
  blindBeforeVerification,
  decideKey,
  hearTrust,
  judgeKeys,
  type KeyDirectory,
  lastReadAt,
  readTrustElement,
  reconsiderTrust,
  refreshKeys,
  revokeKey,
  rotateKey,
  sealAgain,
  sealedKey,
  type TrustWord,
  tofu,
  trustElement,
  trustMessagesFor,
  verifiedOnly,
} from "@aurochs/keys"
import { type AuditLog, memoryStorage, type Storage } from "@aurochs/storage"
import { describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, type Made, makeKey, romeo, standingClock } from "./people.ts"

const { provider, keys } = await julietKeys(2)
const [own, second] = keys as [Made, Made]
const random = cryptoRandom()
const romeos = [await makeKey(provider, romeo), await makeKey(provider, romeo), await makeKey(provider, romeo)] as const
const [a, b, c] = romeos

const DAY_MS = 86_400_000
const clock = standingClock()

/** One of Romeo's keys as it came from the server; `day` it was first seen. */
function seen({ small }: Made, day: number, more: Partial<KnownKey> = {}): KnownKey {
  const { fingerprint, bytes } = small
  const firstSeen = new Date(clock.now().getTime() + day * DAY_MS)
  const base = { owner: romeo, fingerprint, bytes, firstSeen, source: "pep", announced: true }
  return { ...base, binds: "account", approval: "none", ...more }
}

/** A program of Juliet's on this storage. */
function open(storage: Storage, all: readonly SecretKey[] = [own.key], current = all.at(-1)): AuthenticatedKeys {
  const { keys: store, state } = storage
  return authenticatedKeys({
    account: juliet,
    keys: store,
    state,
    provider,
    own: () => ({ current, all }),
    clock,
    random,
  })
}

/** What reading Romeo's list needs, beside the list. */
const reading = ({ state, audit }: Storage, store: AuthenticatedKeys) => {
  return { account: juliet, owner: romeo, keys: store, state, audit, provider, clock }
}

/** Romeo's server, whose list has these certificates. */
const announcing = (certificates: readonly { readonly bytes: Uint8Array }[]): KeyDirectory => ({
  name: "pep",
  async *lookup() {
    for (const { bytes } of certificates) yield { bytes, source: "pep", binds: "account" }
  },
})

const verifiedOf = ({ small: { fingerprint } }: Made) => ({ fingerprint, approval: "verified" }) as const

/** The list names it, and its certificate cannot be had. */
const gap = (missing: Fingerprint): KeyDirectory["lookup"] =>
  async function* () {
    yield { missing, because: "no-data" }
  }

const listed = ({ small: { bytes } }: Made, missing: Fingerprint): KeyDirectory["lookup"] =>
  async function* () {
    yield { bytes, source: "pep", binds: "account" }
    yield { missing, because: "no-data" }
  }

const decisions = async (store: AuthenticatedKeys) => {
  const known = await collect(store.keysOf(romeo))
  const judged = await judgeKeys({ owner: romeo, known, provider, trust: tofu(), now: clock.now() })
  return Object.fromEntries(judged.map(({ key, decision }) => [key.fingerprint, decision.level]))
}

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

const tampering = { code: "STORAGE", details: { operation: "trust.records" } }

describe("whoever can write to the database", () => {
  test("what was decided comes back after a restart", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0, { approval: "verified" }))
    await open(storage).put(seen(b, 1, { approval: "distrusted" }))
    expect(await decisions(open(storage))).toEqual({
      [a.small.fingerprint]: "verified",
      [b.small.fingerprint]: "distrusted",
    })
  })

  test("cannot approve a key", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0))
    await open(storage).put(seen(b, 1))
    await storage.keys.put(seen(b, 1, { approval: "verified" }))
    expect(await decisions(open(storage))).toEqual({
      [a.small.fingerprint]: "first-use",
      [b.small.fingerprint]: "quarantined",
    })
  })

  test("cannot lift a distrust, nor make a later key the first", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0))
    await open(storage).put(seen(b, 1))
    await open(storage).put(seen(c, 1, { approval: "distrusted" }))
    await storage.keys.put(seen(b, -9))
    await storage.keys.put(seen(c, -9))
    expect(await decisions(open(storage))).toEqual({
      [a.small.fingerprint]: "first-use",
      [b.small.fingerprint]: "quarantined",
      [c.small.fingerprint]: "distrusted",
    })
  })

  test("cannot add a key: without a record it is a candidate that nothing binds", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 1))
    await storage.keys.put(seen(b, 0, { approval: "verified" }))
    const known = await collect(open(storage).keysOf(romeo))
    expect(known.find(({ fingerprint }) => fingerprint === b.small.fingerprint)).toMatchObject({
      binds: "nothing",
      approval: "none",
      announced: false,
    })
    expect((await decisions(open(storage)))[b.small.fingerprint]).toBe("quarantined")
  })

  test("cannot change, remove, or move records: nothing is trusted any more, and it is told", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0, { approval: "verified" }))
    await open(storage).put({ ...seen(b, 0), owner: juliet })
    const name = (owner: string) => `trust/keys/${juliet}/${owner}`
    const good = (await storage.state.get(name(romeo)))?.bytes ?? new Uint8Array()
    const text = new TextDecoder().decode(good)
    const read = () => thrownBy(collect(open(storage).keysOf(romeo)))

    await storage.state.put(name(romeo), new TextEncoder().encode(text.replace("verified", "distrusted")))
    expect(await read()).toMatchObject(tampering)
    const others = (await storage.state.get(name(juliet)))?.bytes ?? new Uint8Array()
    await storage.state.put(name(romeo), others)
    expect(await read()).toMatchObject(tampering)
    await storage.state.delete(name(romeo))
    expect(await read()).toMatchObject(tampering)
    expect(await thrownBy(open(storage).put(seen(b, 0)))).toMatchObject(tampering)
    await storage.state.put(name(romeo), good)
    expect(await read()).toBeUndefined()
  })

  test("cannot put another key for the records in place", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0))
    const mallory = memoryStorage()
    // Sealed to Juliet's certificate, which everybody has, but signed by somebody else.
    await open(mallory, [second.key]).put(seen(a, 0))
    const forged = JSON.stringify({ purpose: "aurochs-trust-key", v: 1, account: juliet, key: btoa("x".repeat(32)) })
    const o = { recipients: [own.info], signWith: second.key, now: clock.now() }
    await storage.state.put(`trust/key/${juliet}`, await provider.signcrypt(new TextEncoder().encode(forged), o))
    const refused = { code: "STORAGE", details: { operation: "trust.key" } }
    expect(await thrownBy(collect(open(storage).keysOf(romeo)))).toMatchObject(refused)
    await storage.state.put(`trust/key/${juliet}`, await provider.encrypt(new TextEncoder().encode(forged), o))
    expect(await thrownBy(collect(open(storage).keysOf(romeo)))).toMatchObject(refused)
    await storage.state.delete(`trust/key/${juliet}`)
    expect(await thrownBy(collect(open(storage).keysOf(romeo)))).toMatchObject(refused)
  })

  test("A5: cannot make a later key the first by removing the first one's certificate", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0))
    await open(storage).put(seen(b, 1))
    await storage.keys.remove(romeo, a.small.fingerprint)
    expect(await decisions(open(storage))).toEqual({
      [a.small.fingerprint]: "quarantined",
      [b.small.fingerprint]: "quarantined",
    })
    const known = await collect(open(storage).keysOf(romeo))
    expect(known[0]).toMatchObject({ bytes: new Uint8Array(), announced: false, binds: "account" })
  })

  test("A5: cannot undo that a key was verified by removing it: no other key is used blindly", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0, { approval: "verified" }))
    await open(storage).put(seen(b, 1))
    await storage.keys.remove(romeo, a.small.fingerprint)
    const known = await collect(open(storage).keysOf(romeo))
    const judged = await judgeKeys({
      owner: romeo,
      known,
      provider,
      trust: blindBeforeVerification(),
      now: clock.now(),
    })
    expect(judged.map(({ decision }) => decision.use)).toEqual(["never", "never"])
  })

  test("A6: cannot make somebody look as if there never was a key", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0))
    await storage.keys.remove(romeo, a.small.fingerprint)
    expect(await collect(open(storage).owners())).toEqual([romeo])
    expect(await collect(open(storage).keysOf(romeo))).toHaveLength(1)
    await open(storage).remove(romeo, a.small.fingerprint)
    expect(await collect(open(storage).owners())).toEqual([])
    expect(await collect(open(storage).keysOf(romeo))).toEqual([])
  })

  test("a certificate that was removed is put back by the next reading, as what it was", async () => {
    const storage = memoryStorage()
    const store = open(storage)
    const read = () => refreshKeys({ ...reading(storage, store), directory: announcing([a.small, b.small]) })
    await read()
    await decideKey({ account: juliet, owner: romeo, keys: store, clock, ...verifiedOf(b) })
    await storage.keys.remove(romeo, a.small.fingerprint)
    await storage.keys.remove(romeo, b.small.fingerprint)
    clock.set(new Date(clock.now().getTime() + DAY_MS).toISOString())
    const listed = { ...announcing([]), lookup: gap(a.small.fingerprint) }
    const { missing } = await refreshKeys({ ...reading(storage, store), directory: listed })
    expect(missing).toMatchObject([{ missing: a.small.fingerprint }])
    expect((await read()).changed.map(({ kind }) => kind)).toEqual(["key-back", "key-back"])
    expect((await read()).changed).toEqual([])
    expect(await decisions(store)).toEqual({
      [a.small.fingerprint]: "first-use",
      [b.small.fingerprint]: "verified",
    })
    const { changed } = await refreshKeys({ ...reading(storage, store), directory: announcing([b.small]) })
    expect(changed).toMatchObject([{ kind: "key-gone", fingerprint: a.small.fingerprint }])
  })

  test("a row that was removed comes back as what it was", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0, { approval: "distrusted" }))
    await storage.keys.remove(romeo, a.small.fingerprint)
    await open(storage).put(seen(a, 5))
    expect(await decisions(open(storage))).toEqual({ [a.small.fingerprint]: "distrusted" })
  })
})

describe("what happens at the same time", () => {
  test("a key that is distrusted while its list is read stays distrusted", async () => {
    const storage = memoryStorage()
    const [bot, command] = [open(storage), open(storage)]
    await bot.put(seen(a, 0))
    // Read, before the decision; written, after it.
    const [before] = await collect(bot.keysOf(romeo))
    await decideKey({ ...reading(storage, command), ...verifiedOf(a), approval: "distrusted" })
    await bot.put({ ...(before ?? seen(a, 0)), announced: false })
    expect(await decisions(open(storage))).toEqual({ [a.small.fingerprint]: "distrusted" })
    await bot.put(seen(a, -9))
    expect((await collect(bot.keysOf(romeo)))[0]).toMatchObject({
      approval: "distrusted",
      firstSeen: before?.firstSeen,
    })
  })

  test("A21: a revocation that is merged while its key is verified is not lost", async () => {
    const storage = memoryStorage()
    const store = open(storage)
    await store.put(seen(a, 0))
    const revoked = await provider.lifecycle?.revoke(a.key, { reason: "compromised", now: clock.now() })
    const audit: AuditLog = {
      ...storage.audit,
      // Between what deciding reads and what it writes.
      append: async () => {
        await store.put({ ...seen(a, 0), bytes: revoked?.bytes ?? new Uint8Array() })
      },
    }
    await decideKey({ ...reading(storage, store), audit, ...verifiedOf(a) })
    const known = await collect(store.keysOf(romeo))
    expect(known).toMatchObject([{ approval: "verified", bytes: revoked?.bytes }])
    expect(await decisions(store)).toEqual({ [a.small.fingerprint]: "quarantined" })
    // Where nothing is authenticated it is the same.
    const plain = { ...storage.keys }
    const between: AuditLog = {
      ...storage.audit,
      append: async () => {
        await plain.put({ ...seen(b, 0), bytes: revoked?.bytes ?? new Uint8Array() })
      },
    }
    await plain.put(seen(b, 0))
    await decideKey({ ...reading(storage, store), keys: plain, audit: between, ...verifiedOf(b) })
    expect((await collect(plain.keysOf(romeo))).at(-1)).toMatchObject({ approval: "verified", bytes: revoked?.bytes })
  })

  test("what the operator distrusts while a message says otherwise stays distrusted, and the log ends so", async () => {
    const storage = memoryStorage()
    const store = open(storage)
    await store.put(seen(a, 0))
    let once = true
    const audit: AuditLog = {
      ...storage.audit,
      async append(event) {
        await storage.audit.append(event)
        if (once) await store.decide(romeo, a.small.fingerprint, "distrusted")
        once = false
      },
    }
    const said = await decideKey({ ...reading(storage, store), audit, ...verifiedOf(a), unlessDistrusted: true })
    expect(said.approval).toBe("distrusted")
    const events = await collect(storage.audit.read({ account: juliet }))
    expect(events.map(({ kind }) => kind)).toEqual(["key-verified", "key-distrusted"])
  })

  test("of a key that is not known nothing is decided", async () => {
    const store = open(memoryStorage())
    const thrown = await thrownBy(store.decide(romeo, a.small.fingerprint, "verified"))
    expect(thrown).toMatchObject({ code: "NO_USABLE_KEY", details: { leftOut: [{ because: "not-known" }] } })
    expect(await collect(store.keysOf(romeo))).toEqual([])
  })
})

describe("the first list", () => {
  const both = announcing([a.small, b.small])
  const asFirst = { [a.small.fingerprint]: "first-use", [b.small.fingerprint]: "first-use" }
  const later = () => clock.set(new Date(clock.now().getTime() + DAY_MS).toISOString())

  test("what is interrupted between two keys is gone on with: both are of the first list", async () => {
    const storage = memoryStorage()
    const store = open(storage)
    let puts = 0
    const breaking: AuthenticatedKeys = {
      ...store,
      async put(key, options) {
        if (++puts === 2) throw new AurochsError("STORAGE", "the disk is full", { operation: "keys.put" })
        return store.put(key, options)
      },
    }
    const broken = await thrownBy(refreshKeys({ ...reading(storage, breaking), directory: both }))
    expect(broken).toMatchObject({ code: "STORAGE" })
    expect(Object.keys(await decisions(store))).toHaveLength(1)
    later()
    await refreshKeys({ ...reading(storage, open(storage)), directory: announcing([a.small, b.small, c.small]) })
    expect(await decisions(store)).toEqual({ ...asFirst, [c.small.fingerprint]: "quarantined" })
  })

  test("two programs that read it at the same time agree on what it is", async () => {
    const storage = memoryStorage()
    const [one, two] = [open(storage), open(storage)]
    let between: (() => Promise<unknown>) | undefined = async () => {
      later()
      await refreshKeys({ ...reading(storage, two), directory: announcing([b.small, c.small]) })
    }
    const slow: AuthenticatedKeys = {
      ...one,
      async put(key, options) {
        const work = between
        between = undefined
        await work?.()
        return one.put(key, options)
      },
    }
    await refreshKeys({ ...reading(storage, slow), directory: both })
    expect(await decisions(one)).toEqual({ ...asFirst, [c.small.fingerprint]: "quarantined" })
  })

  test("A5: whoever can write to the database cannot add to it, nor say when it was read", async () => {
    const storage = memoryStorage()
    const store = open(storage)
    const directory = { ...announcing([]), lookup: listed(a, b.small.fingerprint) }
    const { readAt } = await refreshKeys({ ...reading(storage, store), directory })
    const at = { keys: store, state: storage.state, account: juliet, owner: romeo }
    expect(await lastReadAt(at)).toEqual(readAt)
    const forged = { firstAt: readAt, readAt: "2030-01-01T00:00:00Z", gaps: [c.small.fingerprint], told: [] }
    await storage.state.put(`keys/list/${juliet}/${romeo}`, new TextEncoder().encode(JSON.stringify(forged)))
    expect(await lastReadAt(at)).toEqual(readAt)
    later()
    await refreshKeys({ ...reading(storage, store), directory: announcing([a.small, b.small, c.small]) })
    expect(await decisions(store)).toEqual({ ...asFirst, [c.small.fingerprint]: "quarantined" })

    const value = `trust/list/${romeo}/${juliet}`
    const stored = await storage.state.get(value)
    const text = new TextDecoder().decode(stored?.bytes).replace("gaps", "told")
    await storage.state.put(value, new TextEncoder().encode(text))
    expect(await thrownBy(lastReadAt(at))).toMatchObject(tampering)
    await storage.state.delete(value)
    expect(await lastReadAt(at)).toBeUndefined()
  })
})

describe("the key of the records", () => {
  test("A5: of what was stored before there were records, only that a key is distrusted is taken over", async () => {
    const storage = memoryStorage()
    await storage.keys.put(seen(a, 0, { approval: "verified" }))
    await storage.keys.put(seen(b, 0, { approval: "distrusted" }))
    await storage.keys.put(seen(c, 0))
    const unbound = { binds: "nothing", approval: "none", announced: false }
    expect(await collect(open(storage).keysOf(romeo))).toMatchObject([
      { fingerprint: a.small.fingerprint, ...unbound },
      { fingerprint: b.small.fingerprint, binds: "nothing", approval: "distrusted" },
      { fingerprint: c.small.fingerprint, ...unbound },
    ])
    await refreshKeys({ ...reading(storage, open(storage)), directory: announcing([a.small, b.small]) })
    expect(await decisions(open(storage))).toEqual({
      [a.small.fingerprint]: "first-use",
      [b.small.fingerprint]: "distrusted",
      [c.small.fingerprint]: "quarantined",
    })
  })

  test("A5: whoever removes every record, the key of the records too, has no key approved by that", async () => {
    const storage = memoryStorage()
    const store = open(storage)
    await refreshKeys({ ...reading(storage, store), directory: announcing([a.small]) })
    for (const name of [`trust/key/${juliet}`, `trust/owners/${juliet}`, `trust/keys/${juliet}/${romeo}`]) {
      expect(await storage.state.get(name)).toBeDefined()
      await storage.state.delete(name)
    }
    await storage.state.delete(`trust/list/${romeo}/${juliet}`)
    await storage.keys.put(seen(c, -9, { approval: "verified" }))
    const known = await collect(open(storage).keysOf(romeo))
    expect(known.map(({ approval, binds }) => ({ approval, binds }))).toEqual([
      { approval: "none", binds: "nothing" },
      { approval: "none", binds: "nothing" },
    ])
    const trust = verifiedOnly()
    const judged = await judgeKeys({ owner: romeo, known, provider, trust, now: clock.now() })
    expect(judged.map(({ decision }) => decision.use)).not.toContain("encrypt+verify")
    expect(await lastReadAt({ keys: open(storage), state: storage.state, account: juliet, owner: romeo })).toBe(
      undefined,
    )
  })

  test("two programs that begin at the same time agree on one", async () => {
    const storage = memoryStorage()
    const programs = [open(storage), open(storage), open(storage)]
    await Promise.all(programs.map((one, i) => one.put(seen(romeos[i] ?? a, 0))))
    expect(Object.keys(await decisions(open(storage)))).toHaveLength(3)
    expect(Object.values(await decisions(open(storage)))).toEqual(["first-use", "first-use", "first-use"])
  })

  test("a program that begins while another one is just done beginning finds what that has made", async () => {
    const storage = memoryStorage()
    let once = true
    const state: Storage["state"] = {
      ...storage.state,
      async get(key, options) {
        const found = await storage.state.get(key, options)
        if (once && key === `trust/key/${juliet}`) {
          once = false
          await open(storage).put(seen(a, 0))
        }
        return found
      },
    }
    await open({ ...storage, state }).put(seen(b, 0))
    expect(Object.keys(await decisions(open(storage)))).toHaveLength(2)
  })

  test("after a rotation it is sealed to the new key; also when the old one was revoked as compromised", async () => {
    const storage = memoryStorage()
    await open(storage).put(seen(a, 0, { approval: "verified" }))
    const compromised = await provider.lifecycle?.revoke(own.key, { reason: "compromised", now: clock.now() })
    const old = await provider.lifecycle?.adopt?.(own.key, compromised?.bytes ?? new Uint8Array())
    if (old === undefined) throw new Error("no key")
    expect(await decisions(open(storage, [old, second.key]))).toEqual({ [a.small.fingerprint]: "verified" })
    // Now without the old one.
    expect(await decisions(open(storage, [second.key]))).toEqual({ [a.small.fingerprint]: "verified" })
  })

  test("who does not wait any longer ends nobody else's wait", async () => {
    const storage = memoryStorage()
    const ready = Promise.withResolvers<void>()
    const asked: CallOptions[] = []
    const { keys: plain, state } = storage
    const store = authenticatedKeys({
      ...{ account: juliet, keys: plain, state, provider, clock, random },
      async own(call) {
        asked.push(call)
        await ready.promise
        return { current: own.key, all: [own.key] }
      },
    })
    const leaving = new AbortController()
    const first = thrownBy(store.put(seen(a, 0), { signal: leaving.signal }))
    const second = store.put(seen(b, 0))
    leaving.abort()
    expect(await first).toMatchObject({ code: "ABORTED" })
    expect(await thrownBy(store.put(seen(c, 0), { signal: leaving.signal }))).toMatchObject({ code: "ABORTED" })
    ready.resolve()
    await second
    expect(await decisions(store)).toEqual({ [b.small.fingerprint]: "first-use" })
    expect(asked).toEqual([{}])
  })

  test("bytes that were opened, sealed or made are overwritten as soon as they are not needed", async () => {
    const storage = memoryStorage()
    const bytes: Uint8Array[] = []
    const watching: CryptoProvider = {
      ...provider,
      async open(sealed, options) {
        const opened = await provider.open(sealed, options)
        bytes.push(opened.plaintext)
        return opened
      },
      async signcrypt(text, options) {
        bytes.push(text)
        return provider.signcrypt(text, options)
      },
    }
    const making = {
      bytes(count: number) {
        const made = random.bytes(count)
        bytes.push(made)
        return made
      },
    }
    const watched = (current: SecretKey) =>
      authenticatedKeys({
        ...{ account: juliet, keys: storage.keys, state: storage.state, provider: watching, clock, random: making },
        own: () => ({ current, all: [own.key, second.key] }),
      })
    // Two at once: one of them has made a key for nothing. Then it is opened and sealed again.
    await Promise.all([watched(own.key).put(seen(a, 0)), watched(own.key).put(seen(b, 0))])
    await watched(second.key).put(seen(c, 0))
    expect(bytes.length).toBeGreaterThanOrEqual(7)
    expect(bytes.every((one) => one.every((byte) => byte === 0))).toBe(true)
  })

  test("both sealed keys are sealed again at once when the own key has changed, and stay what they are", async () => {
    const { state } = memoryStorage()
    const o = (current: SecretKey | undefined, all: readonly SecretKey[]) => {
      return { account: juliet, provider, state, own: { current, all }, clock, random }
    }
    const purposes = ["trust", "outbox"] as const
    const made = await Promise.all(purposes.map((purpose) => sealedKey({ ...o(own.key, [own.key]), purpose })))
    const sealed = async () => (await state.get(`trust/key/${juliet}`))?.version
    const before = await sealed()
    await sealAgain(o(undefined, [own.key, second.key]))
    expect(await sealed()).toBe(before)
    await sealAgain(o(second.key, [own.key, second.key]))
    const without = o(second.key, [second.key])
    expect(await Promise.all(purposes.map((purpose) => sealedKey({ ...without, purpose })))).toEqual(made)
    // Where there is none, none is made.
    const empty = { ...without, account: romeo }
    await sealAgain(empty)
    expect(await state.get(`outbox/key/${romeo}`)).toBeUndefined()
  })

  test("without any own key there are no records, and nothing is believed", async () => {
    const storage = memoryStorage()
    expect(await thrownBy(open(storage, []).put(seen(a, 0)))).toMatchObject({ code: "STORAGE" })
    expect(await collect(storage.keys.keysOf(romeo))).toEqual([])
  })
})

describe("XEP-0434, XEP-0450: trust messages", () => {
  const word = ({ small }: Made, says: TrustWord["says"] = "trust", owner = romeo): TrustWord => ({
    owner,
    fingerprint: small.fingerprint,
    says,
  })

  async function setUp() {
    const storage = memoryStorage()
    const store = open(storage)
    const o = { account: juliet, own: [own.info], keys: store, provider, audit: storage.audit, clock }
    const verify = ({ small }: Made) =>
      decideKey({ ...o, owner: romeo, fingerprint: small.fingerprint, approval: "verified" })
    const from = ({ small }: Made, minute = 0) => ({
      sender: romeo,
      signedBy: small.fingerprint,
      writtenAt: new Date(clock.now().getTime() + minute * 60_000),
    })
    const approvals = async () =>
      (await collect(store.keysOf(romeo))).map(({ fingerprint, approval }) => [fingerprint, approval])
    return { storage, store, o, verify, from, approvals }
  }

  test("a word goes through XML and back; of others' keys only one's own clients may speak", () => {
    const words = [word(a), word(b, "distrust"), word(second, "trust", juliet)]
    const element = trustElement(words)
    expect(readTrustElement(element, { account: juliet, sender: juliet })).toEqual(expect.arrayContaining([...words]))
    const heard = readTrustElement(element, { account: juliet, sender: romeo })
    expect(heard.map(({ owner }) => owner)).toEqual([romeo, romeo])
    const other = { ...element, attributes: { ...element.attributes, encryption: "urn:xmpp:omemo:2" } }
    expect(readTrustElement(other, { account: juliet, sender: romeo })).toEqual([])
  })

  test("R54: from a verified key: applied at once, with a line in the audit log that says by whom", async () => {
    const { storage, store, o, verify, from, approvals } = await setUp()
    await store.put(seen(a, 0))
    await store.put(seen(b, 1))
    await verify(a)
    expect(await hearTrust([word(b)], from(a), o)).toEqual([word(b)])
    expect(await approvals()).toContainEqual([b.small.fingerprint, "verified"])
    const events = await collect(storage.audit.read({ account: juliet }))
    expect(events.at(-1)).toMatchObject({
      kind: "key-verified",
      fingerprint: b.small.fingerprint,
      detail: { by: "trust-message", signedBy: a.small.fingerprint },
    })
  })

  test("from a key that is not verified it waits, until that key is verified", async () => {
    const { store, o, verify, from, approvals } = await setUp()
    await store.put(seen(a, 0))
    await store.put(seen(b, 1))
    expect(await hearTrust([word(b)], from(a), o)).toEqual([])
    expect(await approvals()).toContainEqual([b.small.fingerprint, "none"])
    await verify(a)
    expect(await reconsiderTrust(o)).toEqual([word(b)])
    expect(await reconsiderTrust(o)).toEqual([])
  })

  test("about a key that is not known yet it waits, until it is; one word leads to another", async () => {
    const { store, o, verify, from } = await setUp()
    await store.put(seen(a, 0))
    await verify(a)
    expect(await hearTrust([word(c)], from(b), o)).toEqual([])
    expect(await hearTrust([word(b)], from(a), o)).toEqual([])
    await store.put(seen(c, 1))
    expect(await reconsiderTrust(o)).toEqual([])
    await store.put(seen(b, 1))
    expect(await reconsiderTrust(o)).toEqual(expect.arrayContaining([word(b), word(c)]))
  })

  test("an older word that comes later changes nothing", async () => {
    const { store, o, verify, from, approvals } = await setUp()
    await store.put(seen(a, 0))
    await store.put(seen(b, 1))
    await verify(a)
    await hearTrust([word(b)], from(a, 10), o)
    expect(await hearTrust([word(b, "distrust")], from(a, 5), o)).toEqual([])
    expect(await approvals()).toContainEqual([b.small.fingerprint, "verified"])
    await hearTrust([word(b, "distrust")], from(a, 15), o)
    expect(await approvals()).toContainEqual([b.small.fingerprint, "distrusted"])
  })

  test("what the operator distrusted stays so, whoever says otherwise", async () => {
    const { store, o, verify, from, approvals } = await setUp()
    await store.put(seen(a, 0))
    await store.put(seen(b, 1))
    await verify(a)
    await decideKey({ ...o, owner: romeo, fingerprint: b.small.fingerprint, approval: "distrusted" })
    expect(await hearTrust([word(b)], from(a), o)).toEqual([])
    expect(await approvals()).toContainEqual([b.small.fingerprint, "distrusted"])
  })

  test("A21: a word that waits is forgotten when the key that signed it is revoked, or cannot be used", async () => {
    const { store, o, verify, from, approvals } = await setUp()
    await store.put(seen(a, 0))
    await store.put(seen(b, 1))
    await verify(a)
    expect(await hearTrust([word(c)], from(a), o)).toEqual([])
    const revoked = await provider.lifecycle?.revoke(a.key, { reason: "superseded", now: clock.now() })
    await store.put({ ...seen(a, 0), bytes: revoked?.bytes ?? new Uint8Array() })
    await store.put(seen(c, 2))
    expect(await reconsiderTrust(o)).toEqual([])
    expect(await store.readValue("messages")).toMatchObject({ waiting: [] })
    expect(await approvals()).toContainEqual([c.small.fingerprint, "none"])

    const brief = await makeKey(provider, romeo, { expiresInMs: 40 * DAY_MS })
    await store.put(seen(brief, 3))
    await verify(brief)
    await hearTrust([word(second, "trust", romeo)], from(brief), o)
    await store.put({ ...seen(second, 3), owner: romeo })
    const later = { ...o, clock: standingClock("2027-06-01T00:00:00Z") }
    expect(await reconsiderTrust(later)).toEqual([])
    expect(await reconsiderTrust(o)).toHaveLength(1)
  })

  test("A21: one's own key says nothing any more when it is revoked", async () => {
    const { store, o, approvals } = await setUp()
    const from = { sender: juliet, signedBy: second.info.fingerprint, writtenAt: clock.now() }
    const both = { ...o, own: [own.info, second.info] }
    expect(await hearTrust([word(a)], from, both)).toEqual([])
    await store.put(seen(a, 0))
    const revoked = await provider.lifecycle?.revoke(second.key, { reason: "compromised", now: clock.now() })
    const { bytes, fingerprint } = revoked ?? second.info
    expect(await reconsiderTrust({ ...both, own: [own.info, { bytes, fingerprint }] })).toEqual([])
    expect(await approvals()).toEqual([[a.small.fingerprint, "none"]])
    await store.put(seen(b, 1))
    expect(await hearTrust([word(b)], from, both)).toEqual([word(b)])
  })

  test("what two programs hear at the same time is kept of both", async () => {
    const { storage, store, o, from } = await setUp()
    await store.put(seen(a, 0))
    const other = { ...o, keys: open(storage) }
    const slow: AuthenticatedKeys = {
      ...store,
      async changeValue(name, change, options) {
        await hearTrust([word(c)], from(a), other)
        await store.changeValue(name, change, options)
      },
    }
    await hearTrust([word(b)], from(a), { ...o, keys: slow })
    expect(await store.readValue("messages")).toMatchObject({
      waiting: [{ fingerprint: c.small.fingerprint }, { fingerprint: b.small.fingerprint }],
    })
  })

  test("A19: strangers who say much push nobody's words out", async () => {
    const { store, o, verify, from } = await setUp()
    await store.put(seen(a, 0))
    await hearTrust([word(b)], from(a), o)
    const hers = { sender: juliet, signedBy: b.small.fingerprint, writtenAt: clock.now() }
    await hearTrust([word(c)], hers, o)
    for (let stranger = 0; stranger < 12; stranger++) {
      const sender = bareJid(`paris${stranger}@example.com`)
      const lies = Array.from({ length: 300 }, (_, i) => ({
        owner: sender,
        fingerprint: fingerprint((stranger * 1000 + i).toString(16).padStart(40, "0")),
        says: "trust" as const,
      }))
      const writtenAt = new Date(clock.now().getTime() + 1000 * (stranger + 1))
      await hearTrust(lies, { sender, signedBy: c.small.fingerprint, writtenAt }, o)
      // Romeo's word, Juliet's, and the first one's, while there is room for all of his.
      if (stranger === 0) expect(JSON.stringify(await store.readValue("messages")).split("says")).toHaveLength(23)
    }
    const kept = JSON.stringify(await store.readValue("messages"))
    expect(kept.match(/"says"/g)?.length).toBe(201)
    expect(kept).toContain(juliet)
    await store.put(seen(b, 1))
    await verify(a)
    expect(await reconsiderTrust(o)).toEqual([word(b)])
  })

  test("words that wait are authenticated like the records", async () => {
    const { storage, store, o, verify, from } = await setUp()
    await store.put(seen(a, 0))
    await hearTrust([word(b)], from(a), o)
    const stored = await storage.state.get(`trust/messages/${juliet}`)
    const forged = new TextDecoder().decode(stored?.bytes).replace(b.small.fingerprint, c.small.fingerprint)
    await storage.state.put(`trust/messages/${juliet}`, new TextEncoder().encode(forged))
    await verify(a)
    expect(await thrownBy(reconsiderTrust(o))).toMatchObject(tampering)
  })
})

test("A21: a contact is told of one's other keys that can be used, not of revoked ones nor expired ones", async () => {
  const store = open(memoryStorage())
  await store.put(seen(a, 0, { approval: "verified" }))
  const revoked = await provider.lifecycle?.revoke(second.key, { reason: "compromised", now: clock.now() })
  const expired = await makeKey(provider, juliet, { expiresInMs: DAY_MS })
  const good = await makeKey(provider, juliet)
  const told = (certificates: readonly Certificate[]) =>
    trustMessagesFor(
      { owner: romeo, fingerprint: a.small.fingerprint, says: "trust" },
      {
        ...{ account: juliet, signing: own.info.fingerprint, own: certificates, keys: store, provider },
        ...{ trust: blindBeforeVerification(), now: clock.now() },
      },
    )
  const bad = [own.info, revoked ?? own.info, expired.info]
  expect((await told(bad)).map(({ to }) => to)).toEqual([juliet])
  const [, toRomeo] = await told([...bad, good.info])
  expect(toRomeo?.to).toBe(romeo)
  const words = toRomeo && readTrustElement(toRomeo.payload, { account: romeo, sender: juliet })
  expect(words).toEqual([{ owner: juliet, fingerprint: good.info.fingerprint, says: "trust" }])
})

test("rotation and revocation leave the records readable", async () => {
  const storage = memoryStorage()
  const { secrets, state, audit } = storage
  await secrets.save(juliet, (await provider.secrets?.export(own.key, { passphrase: "none" })) ?? new Uint8Array())
  await open(storage).put(seen(a, 0, { approval: "verified" }))
  const directory = {
    name: "none",
    async *lookup() {},
    async publish() {},
    async retract() {},
  }
  const o = { account: juliet, provider, secrets, state, audit, clock, directory }
  const { from, to } = await rotateKey(o)
  await revokeKey({ ...o, fingerprint: from, reason: "superseded" })
  const held: SecretKey[] = []
  for (const bytes of await secrets.load(juliet)) held.push(...(await provider.importSecret(bytes)))
  const current = held.find((key) => key.certificate.fingerprint === to)
  expect(await decisions(open(storage, held, current))).toEqual({ [a.small.fingerprint]: "verified" })
})
