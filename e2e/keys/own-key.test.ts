import { AurochsError, isAurochsError } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import {
  announcedBefore,
  announceOwnKey,
  checkOwnKey,
  forgetAnnounced,
  loadOwnKeys,
  type OwnKeyOptions,
  ownKnownKeys,
  pepDirectory,
  prepareOwnKey,
  revocationStateKey,
} from "@aurochs/keys"
import { memoryStorage } from "@aurochs/storage"
import { publicKeyNode, publicKeysNode } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, type Made, makeKey, putKeys, romeo, standingClock } from "./people.ts"
import { type PepBehaviour, pepService, stanzaError } from "./pep-service.ts"

const { provider, keys } = await julietKeys(3)
const [one, two, foreign] = keys as [Made, Made, Made]
const utf8 = (text: string) => new TextEncoder().encode(text)

/** Juliet's bot. */
function setUp(behaviour: PepBehaviour = {}) {
  const service = pepService(behaviour)
  const clock = standingClock()
  const storage = memoryStorage()
  const directory = pepDirectory({ transport: service.transport(juliet), provider, clock })
  const options: OwnKeyOptions = {
    account: juliet,
    directory,
    provider,
    secrets: storage.secrets,
    state: storage.state,
    audit: storage.audit,
    clock,
    durable: true,
  }
  return {
    service,
    clock,
    storage,
    options,
    prepare: (more: Partial<OwnKeyOptions> = {}) => prepareOwnKey({ ...options, ...more }),
    hold: async (...made: readonly Made[]) => {
      for (const { key } of made) {
        const secret = await provider.secrets?.export(key, { passphrase: "none" })
        await storage.secrets.save(juliet, secret ?? new Uint8Array())
      }
    },
    listed: async () => {
      const found = await collect(directory.lookup({ owner: juliet }))
      return Promise.all(
        found.map(async (f) => ("bytes" in f ? (await provider.inspect(f.bytes)).fingerprint : f.missing)),
      )
    },
    audited: async () => (await collect(storage.audit.read({ account: juliet }))).map(({ kind }) => kind),
  }
}

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe("which own key is in use", () => {
  test("the newest by the time it was made, in whatever order they were saved: to seal at once, and at the start", async () => {
    const t = setUp()
    const [older, newer] = [one, await makeKey(provider, juliet, { now: new Date("2026-11-10T00:00:00Z") })]
    await t.hold(newer, older)
    putKeys(t.service, juliet, [newer.small, older.small])
    const loaded = await loadOwnKeys(t.options)
    expect(loaded.keys.map((key) => key.certificate.fingerprint)).toEqual([
      older.info.fingerprint,
      newer.info.fingerprint,
    ])
    expect(loaded.current?.certificate.fingerprint).toBe(newer.info.fingerprint)
    await using own = await t.prepare()
    expect(own.current.certificate.fingerprint).toBe(newer.info.fingerprint)
    for (const key of loaded.keys) await key[Symbol.asyncDispose]()
  })
})

describe("the first start", () => {
  test("a key is made, saved, then announced, and is the same after a restart (R53)", async () => {
    let savedBefore: number | undefined
    const t = setUp({
      async before({ action }) {
        if (action === "publish") savedBefore ??= (await t.storage.secrets.load(juliet)).length
      },
    })
    await using first = await t.prepare()
    expect(first.done).toBe("created")
    expect(savedBefore).toBe(1)
    const print = first.current.certificate.fingerprint
    expect(await t.listed()).toEqual([print])
    const info = await provider.inspect(first.current.certificate.bytes, { now: t.clock.now() })
    expect(info.userIds).toEqual([{ text: `xmpp:${juliet}`, status: "valid" }])
    expect(await announcedBefore({ state: t.storage.state, account: juliet })).toEqual([print])
    expect(await t.audited()).toEqual(["own-key-created", "own-key-announced"])
    expect(await t.storage.state.get(revocationStateKey(juliet, print))).toBeDefined()

    await using second = await t.prepare({ ownKey: "require" })
    expect([second.done, second.current.certificate.fingerprint]).toEqual(["started", print])
  })

  test("with a passphrase the key lies protected, and cannot be read without it", async () => {
    const t = setUp()
    const passphrase = () => utf8("star-crossed")
    await using first = await t.prepare({ passphrase })
    await using second = await t.prepare({ passphrase: async () => utf8("star-crossed") })
    expect(second.current.certificate.fingerprint).toBe(first.current.certificate.fingerprint)
    expect(isAurochsError(await thrownBy(t.prepare()), "KEY_LOCKED")).toBe(true)
    const wrong = await thrownBy(t.prepare({ passphrase: () => utf8("ill-met") }))
    expect(isAurochsError(wrong, "CANNOT_DECRYPT")).toBe(true)
    expect(await t.storage.secrets.load(juliet)).toHaveLength(1)
  })

  test("storage that forgets everything makes no key", async () => {
    const t = setUp()
    const thrown = await thrownBy(t.prepare({ durable: false }))
    expect(thrown).toMatchObject({ code: "CONFIGURATION", details: { field: "storage" } })
    expect(await t.listed()).toEqual([])
    expect(await t.storage.secrets.load(juliet)).toEqual([])
  })

  test("where a key is required none is made; the message says what to do", async () => {
    const t = setUp()
    const thrown = await thrownBy(t.prepare({ ownKey: "require" }))
    expect(thrown).toMatchObject({ code: "CONFIGURATION", details: { field: "ownKey" } })
    expect(String(thrown)).toMatch(/aurochs key generate.*aurochs key import/)
  })

  test.each(["service-unavailable", "forbidden", "not-authorized", "not-allowed"])(
    "a list that cannot be asked for makes no key: the account may have one: %s",
    async (condition) => {
      const t = setUp({
        before() {
          throw stanzaError(condition)
        },
      })
      expect(await thrownBy(t.prepare())).toMatchObject({ code: "STANZA_ERROR", details: { condition } })
      expect(await t.storage.secrets.load(juliet)).toEqual([])
    },
  )

  test("a list of one's own that may be written and not read is not written: others' keys are in it", async () => {
    let hides = false
    const t = setUp({
      before({ action, node }) {
        if (hides && action === "items" && node === publicKeysNode) throw stanzaError("forbidden", "auth")
      },
    })
    putKeys(t.service, juliet, [foreign.small])
    await t.hold(one)
    hides = true
    const announced = announceOwnKey({ ...t.options, key: one.key })
    expect(await thrownBy(announced)).toMatchObject({ details: { condition: "forbidden" } })
    hides = false
    expect(await t.listed()).toEqual([foreign.small.fingerprint])
  })

  test("what could not be announced is announced by the next start, with the same key", async () => {
    let refuses = true
    const t = setUp({
      before({ action }) {
        if (refuses && action === "publish") throw stanzaError("resource-constraint", "wait")
      },
    })
    expect(await thrownBy(t.prepare())).toMatchObject({ details: { condition: "resource-constraint" } })
    refuses = false
    await using own = await t.prepare()
    expect(own.done).toBe("announced")
    expect(own.keys).toHaveLength(1)
    expect(await t.listed()).toEqual([own.current.certificate.fingerprint])
  })

  test("two processes that start at the same time announce keys that both of them hold", async () => {
    const t = setUp()
    const [a, b] = await Promise.all([t.prepare(), t.prepare()])
    const held = (await t.storage.secrets.load(juliet)).length
    for (const print of await t.listed()) {
      expect((await t.prepare()).keys.map((key) => key.certificate.fingerprint)).toContain(print)
    }
    expect(held).toBeGreaterThan(0)
    expect(await t.listed()).toContain(a.current.certificate.fingerprint)
    expect(await t.listed()).toContain(b.current.certificate.fingerprint)
  })
})

describe("a later start", () => {
  test("held and listed: start; a foreign key in the list is quarantined and audited (R4, R47)", async () => {
    const t = setUp()
    await t.hold(one)
    putKeys(t.service, juliet, [foreign.small, one.small])
    await using own = await t.prepare()
    expect(own.done).toBe("started")
    expect(own.current.certificate.fingerprint).toBe(one.small.fingerprint)
    expect(own.foreign).toEqual([foreign.small.fingerprint])
    expect(await t.audited()).toEqual(["own-list-foreign-key"])
    expect(ownKnownKeys(own, juliet, new Date(0)).map((key) => key.fingerprint)).toEqual([one.small.fingerprint])
  })

  test("old keys are kept for decryption, the listed one signs", async () => {
    const t = setUp()
    await t.hold(one, two)
    putKeys(t.service, juliet, [one.small])
    await using own = await t.prepare()
    expect(own.keys).toHaveLength(2)
    expect(own.current.certificate.fingerprint).toBe(one.small.fingerprint)
    expect(own.foreign).toEqual([])
  })

  test("held, announced before, gone from the list: merged back beside the others (R48)", async () => {
    const t = setUp()
    await t.hold(one)
    putKeys(t.service, juliet, [one.small])
    await (await t.prepare())[Symbol.asyncDispose]()
    putKeys(t.service, juliet, [foreign.small])
    await using own = await t.prepare()
    expect(own.done).toBe("reannounced")
    expect((await t.listed()).toSorted()).toEqual([one.small.fingerprint, foreign.small.fingerprint].toSorted())
    expect(await t.audited()).toContain("own-key-reannounced")
  })

  test("listed, but its data is gone: the data is published again (R28, R47)", async () => {
    const t = setUp()
    await t.hold(one)
    putKeys(t.service, juliet, [], { listedOnly: [one.small.fingerprint] })
    await using own = await t.prepare()
    expect(own.done).toBe("reannounced")
    expect(t.service.node(juliet, publicKeyNode(one.small.fingerprint))?.items).toHaveLength(1)
  })

  test("held, never announced here, the list has others: refused with key announce (R47)", async () => {
    const t = setUp()
    await t.hold(one)
    putKeys(t.service, juliet, [foreign.small])
    const thrown = await thrownBy(t.prepare())
    expect(thrown).toMatchObject({ code: "NO_USABLE_KEY", details: { owner: juliet } })
    expect(String(thrown)).toContain("aurochs key announce")
    expect(await t.listed()).toEqual([foreign.small.fingerprint])
  })

  test("after it was announced by hand it starts (R47)", async () => {
    const t = setUp()
    await t.hold(one)
    putKeys(t.service, juliet, [foreign.small])
    await announceOwnKey({ ...t.options, key: one.key })
    await using own = await t.prepare()
    expect(own.current.certificate.fingerprint).toBe(one.small.fingerprint)
    expect(await t.listed()).toHaveLength(2)
  })

  test("none held, the list is not empty: refused with key import, and no key is made (R47)", async () => {
    const t = setUp()
    putKeys(t.service, juliet, [foreign.small])
    const thrown = await thrownBy(t.prepare())
    expect(thrown).toMatchObject({
      code: "NO_USABLE_KEY",
      details: { leftOut: [{ fingerprint: foreign.small.fingerprint, because: "secret-not-here" }] },
    })
    expect(String(thrown)).toMatch(/aurochs key import/)
    expect(await t.storage.secrets.load(juliet)).toEqual([])
  })

  test("the secret is lost and the list was emptied: another key is not made in silence", async () => {
    const t = setUp()
    await (await t.prepare())[Symbol.asyncDispose]()
    const { state } = t.storage
    t.service.put(juliet, publicKeysNode, [])
    const thrown = await thrownBy(t.prepare({ secrets: memoryStorage().secrets, state }))
    expect(thrown).toMatchObject({ code: "NO_USABLE_KEY" })
    expect(await t.listed()).toEqual([])
  })

  test("an expired own key is named with its reason", async () => {
    const t = setUp()
    const brief = await makeKey(provider, juliet, { expiresInMs: 86_400_000 })
    await t.hold(brief)
    const thrown = await thrownBy(t.prepare())
    expect(thrown).toMatchObject({
      code: "NO_USABLE_KEY",
      details: { leftOut: [{ fingerprint: brief.small.fingerprint, because: "expired" }] },
    })
  })

  test("a key of another account is not used for this one (R17)", async () => {
    const t = setUp()
    await t.hold(await makeKey(provider, romeo))
    expect(await thrownBy(t.prepare())).toMatchObject({ details: { leftOut: [{ because: "no-user-id" }] } })
  })

  test("an engine that gives no secret key away makes none", async () => {
    const t = setUp()
    const card = { ...openpgpjs(), secrets: undefined }
    const thrown = await thrownBy(t.prepare({ provider: card }))
    expect(thrown).toMatchObject({ code: "UNSUPPORTED" })
  })
})

describe("while it runs", () => {
  async function running(behaviour: PepBehaviour = {}) {
    const t = setUp(behaviour)
    await t.hold(one)
    putKeys(t.service, juliet, [one.small])
    const own = await t.prepare()
    return { ...t, own, check: () => checkOwnKey({ ...t.options, held: own.keys }) }
  }

  test("a list that names our key is left alone (R47)", async () => {
    const t = await running()
    expect(await t.check()).toEqual({ kind: "listed", foreign: [] })
  })

  test("two clients that throw each other out slow down: 1, 2, 4 minutes; a quiet day ends it (R48, A33)", async () => {
    const t = await running()
    const overwrite = () => putKeys(t.service, juliet, [foreign.small])
    const at = (time: string) => {
      t.clock.set(`2026-11-23T${time}Z`)
      return t.check()
    }
    overwrite()
    expect((await at("13:00:00")).kind).toBe("reannounced")
    overwrite()
    expect(await at("13:00:10")).toMatchObject({ kind: "postponed", retryAt: new Date("2026-11-23T13:01:00Z") })
    expect(await t.listed()).toEqual([foreign.small.fingerprint])
    expect((await at("13:01:00")).kind).toBe("reannounced")
    overwrite()
    expect(await at("13:01:30")).toMatchObject({ kind: "postponed", retryAt: new Date("2026-11-23T13:03:00Z") })
    await using restarted = await t.prepare()
    expect(restarted).toMatchObject({ done: "postponed", retryAt: new Date("2026-11-23T13:03:00Z") })
    t.clock.set("2026-11-24T13:01:00Z")
    expect((await t.check()).kind).toBe("reannounced")
  })

  test("a key that was retracted on purpose stays away (R48)", async () => {
    const t = await running()
    await t.options.directory.retract?.(one.small.fingerprint)
    await forgetAnnounced({ state: t.storage.state, account: juliet, fingerprint: one.small.fingerprint })
    expect((await t.check()).kind).toBe("retracted")
    expect(await t.listed()).toEqual([])
  })

  test("a foreign key that appears is named, with one audit line however often it is seen (R47)", async () => {
    const t = await running()
    putKeys(t.service, juliet, [one.small, foreign.small])
    expect(await t.check()).toEqual({ kind: "listed", foreign: [foreign.small.fingerprint] })
    expect(await t.audited()).toEqual(["own-list-foreign-key"])
    // Named each time, written down once.
    expect((await t.check()).foreign).toEqual([foreign.small.fingerprint])
    expect(await t.audited()).toEqual(["own-list-foreign-key"])
  })

  test("a server that cannot be asked changes nothing (R48)", async () => {
    let away = false
    const t = await running({
      before() {
        if (away) throw new AurochsError("NETWORK", "no answer", { phase: "timeout" })
      },
    })
    away = true
    expect(await thrownBy(t.check())).toMatchObject({ code: "NETWORK" })
  })

  test("what is announced has nothing but the newest self-signatures on it (R49)", async () => {
    const t = setUp()
    const certifier = two
    const certified = await provider.lifecycle?.certify(one.info.bytes, {
      signWith: certifier.key,
      userId: `xmpp:${juliet}`,
      now: t.clock.now(),
    })
    const key = { certificate: certified ?? one.info }
    await announceOwnKey({ ...t.options, key })
    const [found] = await collect(t.options.directory.lookup({ owner: juliet }))
    expect(found).toMatchObject({ bytes: one.small.bytes })
    expect(certified?.bytes.length).toBeGreaterThan(one.small.bytes.length)
  })
})
