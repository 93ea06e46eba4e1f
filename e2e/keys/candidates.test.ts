import { AurochsError, type BareJid, bareJid, type Fingerprint } from "@aurochs/core"
import {
  announceOwnKey,
  binding,
  blindBeforeVerification,
  chooseKeys,
  type Found,
  isStale,
  judgeKeys,
  type KeyDirectory,
  lastReadAt,
  type Missing,
  merged,
  pepDirectory,
  prepareOwnKey,
  refreshKeys,
  type TrustPolicy,
  tofu,
  updateKnownKeys,
} from "@aurochs/keys"
import { memoryStorage } from "@aurochs/storage"
import { publicKeyNode } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, type Made, makeKey, putKeys, romeo, standingClock } from "./people.ts"
import { pepService } from "./pep-service.ts"

const { provider, keys } = await julietKeys(3)
const [one, two, three] = keys as [Made, Made, Made]
const mailOnly = await makeKey(provider, juliet, { userId: "juliet@example.org" })
const revokedTwo = await provider.lifecycle?.revoke(two.key, { now: new Date("2026-11-20T00:00:00Z") })

/** A source besides PEP that has what it is given. */
function source(name: string, binds: Found["binds"], items: readonly (Uint8Array | Missing)[]): KeyDirectory {
  return {
    name,
    async *lookup(query) {
      for (const item of items) {
        if (item instanceof Uint8Array) {
          const { fingerprint } = await provider.inspect(item)
          if (query.fingerprint === undefined || query.fingerprint === fingerprint)
            yield { bytes: item, source: name, binds }
        } else yield item
      }
    },
  }
}

function setUp() {
  const service = pepService()
  const clock = standingClock()
  const storage = memoryStorage()
  const pep = pepDirectory({ transport: service.transport(romeo), provider, clock })
  const base = { owner: juliet, keys: storage.keys, provider, clock, audit: storage.audit, account: romeo }
  return {
    service,
    clock,
    storage,
    pep,
    refresh: (directory: KeyDirectory) => refreshKeys({ ...base, directory, state: storage.state }),
    update: (directory: KeyDirectory) => updateKnownKeys({ ...base, directory }),
    async use(trust: TrustPolicy) {
      const known = await collect(storage.keys.keysOf(juliet))
      return chooseKeys(await judgeKeys({ owner: juliet, known, provider, trust, now: clock.now() }))
    },
    known: async () =>
      (await collect(storage.keys.keysOf(juliet))).map(({ fingerprint, source: from, binds, announced }) => [
        fingerprint,
        from,
        binds,
        announced,
      ]),
  }
}

const gapOf = (fingerprint: Fingerprint): Missing => ({
  missing: fingerprint,
  because: "too-large",
  source: "hkp",
  candidate: true,
})

describe("candidates", () => {
  test("with the owner's User ID it is stored and not used: PEP alone binds (A5)", async () => {
    const t = setUp()
    const { refused } = await t.refresh(source("hkp", "nothing", [one.small.bytes]))
    expect(refused).toEqual([])
    expect(await t.known()).toEqual([[one.small.fingerprint, "hkp", "nothing", false]])
    expect((await t.use(blindBeforeVerification())).leftOut).toEqual([
      { fingerprint: one.small.fingerprint, because: "not-announced" },
    ])
    expect((await t.use(tofu())).use).toEqual([])
  })

  test("without an xmpp: User ID it never becomes a contact's key, wherever it comes from (R17)", async () => {
    const t = setUp()
    const all = merged([source("wkd", "https-domain", [mailOnly.small.bytes]), source("dns", "dnssec", [])])
    const { refused, known, changed } = await t.refresh(all)
    expect([known, changed]).toEqual([[], []])
    expect(refused).toEqual([{ fingerprint: mailOnly.small.fingerprint, source: "wkd", because: "no-user-id" }])
  })

  test("with somebody else's User ID neither (A4)", async () => {
    const t = setUp()
    const tybalt = await makeKey(provider, romeo)
    const { refused } = await t.refresh(source("hkp", "nothing", [tybalt.small.bytes]))
    expect(refused).toMatchObject([{ because: "no-user-id" }])
  })

  test("a policy may let the domain bind, for an account that announces nothing", async () => {
    const t = setUp()
    await t.refresh(merged([t.pep, source("wkd", "https-domain", [one.small.bytes])]))
    const policy = binding(blindBeforeVerification(), ["https-domain"])
    expect((await t.use(policy)).use.map((key) => key.fingerprint)).toEqual([one.small.fingerprint])
    putKeys(t.service, juliet, [two.small])
    await t.refresh(merged([t.pep, source("wkd", "https-domain", [one.small.bytes])]))
    expect((await t.use(policy)).use.map((key) => key.fingerprint)).toEqual([two.small.fingerprint])
  })

  test("what the domain no longer serves binds no more", async () => {
    const t = setUp()
    const policy = binding(tofu(), ["https-domain"])
    await t.refresh(source("wkd", "https-domain", [one.small.bytes]))
    expect((await t.use(policy)).use).toHaveLength(1)
    const { changed } = await t.refresh(source("wkd", "https-domain", []))
    expect(changed).toMatchObject([{ kind: "key-gone", fingerprint: one.small.fingerprint }])
    expect((await t.use(policy)).use).toEqual([])
  })

  test("tofu: a key the domain serves later is not one of the first, also when the clock was put back (A5)", async () => {
    const t = setUp()
    const policy = binding(tofu(), ["https-domain"])
    await t.refresh(source("wkd", "https-domain", [one.small.bytes]))
    t.clock.set("2026-11-02T00:00:00Z")
    await t.refresh(source("wkd", "https-domain", [one.small.bytes, two.small.bytes]))
    t.clock.set("2026-11-24T00:00:00Z")
    expect((await t.use(policy)).use.map((key) => key.fingerprint)).toEqual([one.small.fingerprint])
  })

  test("a key that a key server had first is not older for the domain that serves it later (A5)", async () => {
    const t = setUp()
    await t.refresh(source("hkp", "nothing", [two.small.bytes]))
    await t.refresh(source("wkd", "https-domain", [one.small.bytes]))
    await t.refresh(source("wkd", "https-domain", [one.small.bytes, two.small.bytes]))
    const used = (await t.use(binding(tofu(), ["https-domain"]))).use
    expect(used.map((key) => key.fingerprint)).toEqual([one.small.fingerprint])
  })

  test("of a flood in the owner's name 32 are stored (A19)", async () => {
    const t = setUp()
    const flood: Uint8Array[] = []
    for (let i = 0; i < 34; i++) flood.push((await makeKey(provider, juliet)).small.bytes)
    const { refused, known } = await t.refresh(source("hkp", "nothing", flood))
    expect(known).toHaveLength(32)
    expect(refused.map(({ because }) => because)).toEqual(["too-many-candidates", "too-many-candidates"])
    putKeys(t.service, juliet, [one.small])
    await t.refresh(t.pep)
    expect((await t.use(tofu())).use.map((key) => key.fingerprint)).toEqual([one.small.fingerprint])
  })
})

describe("a gap of a source that does not speak for the account", () => {
  test("delays nothing and is named in the audit log", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one.small])
    const { missing, changed } = await t.refresh(
      merged([t.pep, source("hkp", "nothing", [gapOf(two.small.fingerprint)])]),
    )
    expect(missing).toEqual([])
    expect(changed).toContainEqual({
      kind: "key-missing",
      owner: juliet,
      fingerprint: two.small.fingerprint,
      because: "too-large",
    })
  })

  test("makes no later key one of the first (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one.small])
    const all = merged([t.pep, source("hkp", "nothing", [gapOf(two.small.fingerprint)])])
    await t.refresh(all)
    putKeys(t.service, juliet, [one.small, two.small])
    await t.refresh(all)
    expect((await t.use(tofu())).use.map((key) => key.fingerprint)).toEqual([one.small.fingerprint])
  })

  test("brings no key back that the account took out of its list (A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one.small, two.small])
    await t.refresh(t.pep)
    putKeys(t.service, juliet, [two.small])
    await t.refresh(merged([t.pep, source("hkp", "nothing", [gapOf(one.small.fingerprint)])]))
    expect((await t.use(tofu())).use.map((key) => key.fingerprint)).toEqual([two.small.fingerprint])
  })
})

describe("with PEP", () => {
  test("a key that both have is the account's, with what either copy says (A21)", async () => {
    for (const order of ["pep first", "pep last"]) {
      const t = setUp()
      putKeys(t.service, juliet, [one.small, two.small])
      const hkp = source("hkp", "nothing", [revokedTwo?.bytes ?? new Uint8Array(), one.small.bytes])
      await t.refresh(order === "pep first" ? merged([t.pep, hkp]) : merged([hkp, t.pep]))
      expect((await t.known()).toSorted()).toEqual(
        [one, two].map(({ small }) => [small.fingerprint, "pep", "account", true]).toSorted(),
      )
      expect((await t.use(tofu())).leftOut).toEqual([{ fingerprint: two.small.fingerprint, because: "revoked" }])
    }
  })

  test("a listed key whose data PEP has not is taken from elsewhere: the list names its fingerprint (I8)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one.small], { listedOnly: [two.small.fingerprint] })
    const { missing } = await t.refresh(merged([t.pep, source("vks", "nothing", [two.small.bytes])]))
    expect(missing).toEqual([])
    expect(await t.known()).toContainEqual([two.small.fingerprint, "pep", "account", true])
    expect((await t.use(tofu())).use).toHaveLength(2)
    putKeys(t.service, juliet, [one.small])
    await t.refresh(t.pep)
    expect((await t.use(tofu())).use).toHaveLength(1)
  })

  test("a key that leaves the list is gone, although a key server still has it", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one.small, two.small])
    const hkp = source("hkp", "nothing", [one.small.bytes])
    await t.refresh(merged([t.pep, hkp]))
    putKeys(t.service, juliet, [two.small])
    const { changed } = await t.refresh(merged([t.pep, hkp]))
    expect(changed).toMatchObject([{ kind: "key-gone", fingerprint: one.small.fingerprint }])
  })

  test("an optional source that is away takes nothing away, PEP that is away changes nothing (A6)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one.small])
    const broken: KeyDirectory = {
      name: "hkp",
      // biome-ignore lint/correctness/useYield: it fails before it has anything
      async *lookup() {
        throw new AurochsError("HTTP", "busy", { status: 503 })
      },
    }
    await t.refresh(merged([t.pep], { optional: [broken] }))
    expect((await t.use(tofu())).use).toHaveLength(1)
    await expect(t.refresh(merged([broken], { optional: [t.pep] }))).rejects.toMatchObject({ code: "HTTP" })
    expect((await t.use(tofu())).use).toHaveLength(1)
  })
})

describe("updating what is known", () => {
  test("a revocation comes from a key server, a new key never does (A21, A5)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [two.small])
    const { readAt } = await t.refresh(t.pep)
    const vks = source("vks", "nothing", [
      revokedTwo?.bytes ?? new Uint8Array(),
      three.small.bytes,
      mailOnly.small.bytes,
    ])
    const { changed, known } = await t.update(vks)
    expect(changed.map(({ kind }) => kind).toSorted()).toEqual(["key-changed", "key-revoked"])
    expect(known).toHaveLength(1)
    expect((await t.use(blindBeforeVerification())).leftOut).toEqual([
      { fingerprint: two.small.fingerprint, because: "revoked" },
    ])
    const state = { state: t.storage.state, account: romeo, owner: juliet }
    expect(isStale(await lastReadAt(state), readAt)).toBe(false)
  })

  test("a source that has no copy, and a word that binds, change nothing", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [one.small], { listedOnly: [two.small.fingerprint] })
    await t.refresh(t.pep)
    t.service.put(juliet, publicKeyNode(one.small.fingerprint), [])
    const before = await t.known()
    const { changed } = await t.update(source("evil", "account", [three.small.bytes, two.small.bytes, one.small.bytes]))
    expect(changed).toEqual([])
    expect(await t.known()).toEqual(before)
  })
})

test("one's own list is PEP's, whatever a key server has in one's name (R47)", async () => {
  const service = pepService()
  const clock = standingClock()
  const storage = memoryStorage()
  const pep = pepDirectory({ transport: service.transport(juliet), provider, clock })
  const directory = merged([pep, source("hkp", "nothing", [three.small.bytes])])
  const { secrets, state, audit } = storage
  const account: BareJid = bareJid("juliet@example.org")
  const options = { account, directory, provider, secrets, state, audit, clock, durable: true }
  await using own = await prepareOwnKey(options)
  expect([own.done, own.foreign]).toEqual(["created", []])
  await announceOwnKey({ ...options, key: one.key })
  expect(await collect(pep.lookup({ owner: juliet }))).toHaveLength(2)
})
