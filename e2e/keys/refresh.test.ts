import { AurochsError, type Fingerprint, type KnownKey } from "@aurochs/core"
import {
  blindBeforeVerification,
  chooseKeys,
  isStale,
  judgeKeys,
  type KeyDirectory,
  lastReadAt,
  pepDirectory,
  pinned,
  refreshKeys,
  type TrustPolicy,
  tofu,
} from "@aurochs/keys"
import { type KeyStore, memoryStorage } from "@aurochs/storage"
import { pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, makeKey, putKeys, romeo, standingClock } from "./people.ts"
import { type PepBehaviour, pepService } from "./pep-service.ts"

const { provider, keys } = await julietKeys(3)
const [one, two, three] = keys.map((key) => key.small) as [Cert, Cert, Cert]
type Cert = (typeof keys)[number]["small"]

describe("two readings at once", () => {
  test("neither takes back what the other found: a revocation stays, whoever writes last", async () => {
    const [made] = keys
    const { lifecycle } = provider
    if (made === undefined || lifecycle === undefined) throw new Error("nothing to change")
    const clock = standingClock()
    const at = { now: clock.now() }
    const renewed = (await lifecycle.renew(made.key, { ...at, expiresInMs: 86_400_000 * 365 })).certificate
    const revoked = await lifecycle.revoke(made.key, { ...at, reason: "compromised" })
    for (const order of [
      [renewed, revoked],
      [revoked, renewed],
    ]) {
      const storage = memoryStorage()
      const base = { owner: juliet, provider, clock, audit: storage.audit, account: romeo, state: storage.state }
      const reading = (bytes: Uint8Array, store: KeyStore) => {
        const directory: KeyDirectory = {
          name: "pep",
          async *lookup() {
            yield { bytes, source: "pep", binds: "account" }
          },
        }
        return refreshKeys({ ...base, directory, keys: store })
      }
      await reading(one.bytes, storage.keys)
      // Both have read what is stored before either of them writes.
      const { promise: bothRead, resolve } = Promise.withResolvers<void>()
      let writing = 0
      const waiting: KeyStore = {
        ...storage.keys,
        async put(key, options) {
          if (++writing === 2) resolve()
          await bothRead
          return storage.keys.put(key, options)
        },
      }
      await Promise.all(order.map(({ bytes }) => reading(bytes, waiting)))
      const [stored] = await collect(storage.keys.keysOf(juliet))
      const info = await provider.inspect(stored?.bytes ?? new Uint8Array(), { now: clock.now() })
      expect(info.revokedAt).toBeDefined()
      expect(info.expiresAt).toBeDefined()
    }
  })
})

/** Romeo's bot keeps Juliet's keys. */
function setUp(behaviour: PepBehaviour = {}) {
  const service = pepService(behaviour)
  const clock = standingClock()
  const storage = memoryStorage()
  const directory = pepDirectory({ transport: service.transport(romeo), provider, clock })
  const base = { owner: juliet, directory, keys: storage.keys, provider, clock, audit: storage.audit, account: romeo }
  return {
    service,
    clock,
    storage,
    refresh: () => refreshKeys({ ...base, state: storage.state }),
    refreshWithoutState: () => refreshKeys(base),
    audited: async () => (await collect(storage.audit.read({ account: romeo }))).map(({ kind }) => kind),
    async judge(trust: TrustPolicy) {
      const known = await collect(storage.keys.keysOf(juliet))
      return judgeKeys({ owner: juliet, known, provider, trust, now: clock.now() })
    },
    async use(trust: TrustPolicy) {
      return chooseKeys(await this.judge(trust)).use.map((key) => key.fingerprint)
    },
    async approve(fingerprint: Fingerprint, approval: KnownKey["approval"]) {
      const known = await collect(storage.keys.keysOf(juliet))
      const key = known.find((candidate) => candidate.fingerprint === fingerprint)
      if (key !== undefined) await storage.keys.put({ ...key, approval })
    },
  }
}

describe("reading", () => {
  test("the keys of a first list are stored with one instant, and written to the audit log", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one, two])
    const { known, changed, missing, readAt } = await t.refresh()
    expect(
      known.map(({ fingerprint, firstSeen, announced, approval, source, binds }) => [
        fingerprint,
        firstSeen,
        announced,
        approval,
        source,
        binds,
      ]),
    ).toEqual([one, two].map(({ fingerprint }) => [fingerprint, t.clock.now(), true, "none", "pep", "account"]))
    expect(changed.map(({ kind, fingerprint }) => [kind, fingerprint])).toEqual([
      ["key-new", one.fingerprint],
      ["key-new", two.fingerprint],
    ])
    expect(missing).toEqual([])
    expect(await t.audited()).toEqual(["key-new", "key-new"])
    expect(await lastReadAt({ state: t.storage.state, account: romeo, owner: juliet })).toEqual(readAt)
    expect(isStale(readAt, new Date(readAt.getTime() + 86_399_999))).toBe(false)
  })

  test("reading the same again changes nothing", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one, two])
    const before = await t.refresh()
    t.clock.set("2026-11-25T00:00:00Z")
    const after = await t.refresh()
    expect(after.changed).toEqual([])
    expect(after.known).toEqual(before.known)
    expect(await t.audited()).toHaveLength(2)
  })

  test("a key that leaves the list is kept, marked, and comes back", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one, two])
    await t.refresh()
    putKeys(t.service, juliet, [two])
    const gone = await t.refresh()
    expect(gone.changed).toMatchObject([{ kind: "key-gone", fingerprint: one.fingerprint }])
    expect(gone.known.map((key) => key.announced)).toEqual([false, true])
    putKeys(t.service, juliet, [one, two])
    const back = await t.refresh()
    expect(back.changed).toMatchObject([{ kind: "key-back", fingerprint: one.fingerprint }])
    expect(back.known.map((key) => key.announced)).toEqual([true, true])
    expect(await t.audited()).toEqual(["key-new", "key-new", "key-gone", "key-back"])
  })

  test("a server that cannot be asked takes nothing away (A6)", async () => {
    let away = false
    const t = setUp({
      before() {
        if (away) throw new AurochsError("NETWORK", "no answer", { phase: "timeout" })
      },
    })
    putKeys(t.service, juliet, [one])
    const before = await t.refresh()
    away = true
    await expect(t.refresh()).rejects.toMatchObject({ code: "NETWORK" })
    expect(await collect(t.storage.keys.keysOf(juliet))).toEqual(before.known)
    expect(await t.audited()).toEqual(["key-new"])
  })

  test("a connection that breaks in the middle of the keys takes nothing away and adds nothing", async () => {
    let breaks = false
    const t = setUp({
      before({ node }) {
        if (breaks && node === publicKeyNode(three.fingerprint)) {
          throw new AurochsError("NETWORK", "gone", { phase: "closed" })
        }
      },
    })
    putKeys(t.service, juliet, [one])
    const before = await t.refresh()
    breaks = true
    putKeys(t.service, juliet, [two, three])
    await expect(t.refresh()).rejects.toMatchObject({ code: "NETWORK" })
    expect(await collect(t.storage.keys.keysOf(juliet))).toEqual(before.known)
  })

  test("a listed key whose data is gone stays in use: an older certificate is here (I8)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one])
    await t.refresh()
    t.service.put(juliet, publicKeyNode(one.fingerprint), [])
    const { changed, missing, known } = await t.refresh()
    expect(changed).toMatchObject([{ kind: "key-missing", fingerprint: one.fingerprint, because: "not-found" }])
    expect(missing).toEqual([])
    expect(known[0]?.announced).toBe(true)
  })

  test("a listed key that never came is named, with an audit line (I8)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one], { listedOnly: [two.fingerprint] })
    const { missing } = await t.refresh()
    expect(missing).toEqual([{ missing: two.fingerprint, because: "not-found" }])
    const judged = await t.judge(blindBeforeVerification())
    expect(chooseKeys(judged, missing)).toMatchObject({
      use: [{ fingerprint: one.fingerprint }],
      leftOut: [{ fingerprint: two.fingerprint, because: "not-found" }],
    })
    expect(await t.audited()).toEqual(["key-new", "key-missing"])
  })

  test("a gap that stays is one audit line, however often the list is read; one that comes again is another (A19)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one], { listedOnly: [two.fingerprint] })
    for (let round = 0; round < 5; round++) expect((await t.refresh()).missing).toHaveLength(1)
    expect(await t.audited()).toEqual(["key-new", "key-missing"])
    putKeys(t.service, juliet, [one])
    await t.refresh()
    putKeys(t.service, juliet, [one], { listedOnly: [two.fingerprint] })
    await t.refresh()
    expect(await t.audited()).toEqual(["key-new", "key-missing", "key-missing"])
  })

  test("the audit log of a flooded list stays short (A19)", async () => {
    const t = setUp()
    const listedOnly = Array.from({ length: 500 }, (_, i) => i.toString(16).toUpperCase().padStart(40, "0"))
    putKeys(t.service, juliet, [], { listedOnly })
    expect((await t.refresh()).missing).toHaveLength(500)
    expect(await t.audited()).toHaveLength(32)
  })

  test("a newer certificate is merged in; a revocation is told, and an older copy does not undo it (A21)", async () => {
    const t = setUp()
    const fresh = await makeKey(provider, juliet)
    putKeys(t.service, juliet, [fresh.small])
    await t.refresh()
    const revoked = await provider.lifecycle?.revoke(fresh.key, { now: t.clock.now() })
    t.clock.set("2026-11-24T00:00:00Z")
    putKeys(t.service, juliet, [{ ...fresh.small, bytes: revoked?.bytes ?? new Uint8Array() }])
    const { changed } = await t.refresh()
    expect(changed.map(({ kind }) => kind).toSorted()).toEqual(["key-changed", "key-revoked"])
    putKeys(t.service, juliet, [fresh.small])
    expect((await t.refresh()).changed).toEqual([])
    expect((await t.judge(blindBeforeVerification()))[0]?.decision).toMatchObject({ use: "never", because: "revoked" })
  })

  test("a key with somebody else's User ID is stored and never used (A4, R17)", async () => {
    const t = setUp()
    const tybalt = await makeKey(provider, juliet, { userId: "xmpp:juliet@example.org.evil" })
    putKeys(t.service, juliet, [one, tybalt.small])
    const { known } = await t.refresh()
    expect(known).toHaveLength(2)
    const { use, leftOut } = chooseKeys(await t.judge(pinned([one.fingerprint, tybalt.small.fingerprint])))
    expect(use.map((key) => key.fingerprint)).toEqual([one.fingerprint])
    expect(leftOut).toEqual([{ fingerprint: tybalt.small.fingerprint, because: "no-user-id" }])
  })
})

describe("trust across readings", () => {
  test("tofu: the first list is used, a key added later is not, even while the clock stands still (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one, two])
    await t.refresh()
    putKeys(t.service, juliet, [one, two, three])
    await t.refresh()
    expect(await t.use(tofu())).toEqual([one.fingerprint, two.fingerprint])
  })

  test("tofu: a clock that was put back makes no later key one of the first (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one])
    await t.refresh()
    t.clock.set("2020-01-01T00:00:00Z")
    putKeys(t.service, juliet, [one, two])
    await t.refresh()
    t.clock.set("2026-11-24T00:00:00Z")
    expect(await t.use(tofu())).toEqual([one.fingerprint])
  })

  test("tofu: a replaced list changes nothing, sending goes on to the first key (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one])
    await t.refresh()
    putKeys(t.service, juliet, [three])
    await t.refresh()
    expect(await t.use(tofu())).toEqual([one.fingerprint])
  })

  test("tofu: of two first keys the one that was taken out of the list is retired", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one, two])
    await t.refresh()
    putKeys(t.service, juliet, [two])
    await t.refresh()
    const judged = await t.judge(tofu())
    expect(judged.map(({ decision }) => decision)).toEqual([
      { use: "verify-only", level: "first-use", because: "not-announced" },
      { use: "encrypt+verify", level: "first-use", because: "first-key" },
    ])
  })

  test("tofu: a key that was a gap of the first list is one of the first when it comes", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one], { listedOnly: [two.fingerprint] })
    await t.refresh()
    t.clock.set("2026-11-25T00:00:00Z")
    putKeys(t.service, juliet, [one, two, three])
    await t.refresh()
    expect(await t.use(tofu())).toEqual([one.fingerprint, two.fingerprint])
  })

  test("tofu: a gap that left the list in between is a later key when it comes (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one], { listedOnly: [two.fingerprint] })
    await t.refresh()
    putKeys(t.service, juliet, [one])
    await t.refresh()
    putKeys(t.service, juliet, [one, two])
    await t.refresh()
    expect(await t.use(tofu())).toEqual([one.fingerprint])
  })

  test("tofu: without a state store a gap of the first list stays quarantined (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one], { listedOnly: [two.fingerprint] })
    await t.refreshWithoutState()
    putKeys(t.service, juliet, [one, two])
    await t.refreshWithoutState()
    expect(await t.use(tofu())).toEqual([one.fingerprint])
  })

  test("a candidate that was imported before does not become the first key by being listed later (A5)", async () => {
    const t = setUp()
    const imported: KnownKey = {
      ...three,
      owner: juliet,
      firstSeen: new Date("2026-01-01T00:00:00Z"),
      source: "import",
      binds: "nothing",
      announced: false,
      approval: "none",
    }
    await t.storage.keys.put(imported)
    putKeys(t.service, juliet, [one])
    await t.refresh()
    expect(await t.use(tofu())).toEqual([one.fingerprint])
    expect(await t.use(blindBeforeVerification())).toEqual([one.fingerprint])
    putKeys(t.service, juliet, [one, three])
    const { changed } = await t.refresh()
    expect(changed).toMatchObject([{ kind: "key-new", fingerprint: three.fingerprint }])
    expect(await t.use(tofu())).toEqual([one.fingerprint])
    expect((await t.use(blindBeforeVerification())).toSorted()).toEqual([one.fingerprint, three.fingerprint].toSorted())
  })

  test("pinned: fingerprints from the configuration hold from the first reading on (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one, three])
    await t.refresh()
    expect(await t.use(pinned([one.fingerprint]))).toEqual([one.fingerprint])
  })

  test("blind before verification: new keys are used until one is verified, then no other (A5, R54)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one])
    await t.refresh()
    putKeys(t.service, juliet, [one, two])
    await t.refresh()
    expect(await t.use(blindBeforeVerification())).toEqual([one.fingerprint, two.fingerprint])
    await t.approve(one.fingerprint, "verified")
    putKeys(t.service, juliet, [one, two, three])
    await t.refresh()
    expect(await t.use(blindBeforeVerification())).toEqual([one.fingerprint])
  })

  test("what the operator said survives a reading (R54)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one, two])
    await t.refresh()
    await t.approve(two.fingerprint, "distrusted")
    putKeys(t.service, juliet, [two])
    await t.refresh()
    putKeys(t.service, juliet, [one, two])
    const { known } = await t.refresh()
    expect(known.map((key) => key.approval)).toEqual(["none", "distrusted"])
  })

  test("an expired key verifies and is not encrypted to (A21)", async () => {
    const t = setUp()
    const brief = await makeKey(provider, juliet, { expiresInMs: 86_400_000 * 30 })
    putKeys(t.service, juliet, [brief.small])
    await t.refresh()
    expect(await t.use(tofu())).toEqual([brief.small.fingerprint])
    t.clock.set("2027-01-01T00:00:00Z")
    expect((await t.judge(tofu()))[0]?.decision).toEqual({ use: "verify-only", level: "first-use", because: "expired" })
  })
})

test("a list in another's name is not read: only the owner's own node counts (A14)", async () => {
  const t = setUp()
  const date = new Date(0)
  t.service.put(romeo, publicKeysNode, [
    { id: "x", payload: publicKeysList.write([{ fingerprint: one.fingerprint, date }]) },
  ])
  t.service.put(romeo, publicKeyNode(one.fingerprint), [{ id: "x", payload: pubkey.write(one.bytes) }])
  expect((await t.refresh()).known).toEqual([])
})
