import { type BareJid, cryptoRandom, isAurochsError } from "@aurochs/core"
import { backUpKeys, backupCode, looksLikeBackupCode, type Restored, removeBackup, restoreKeys } from "@aurochs/keys"
import { namespaces, parseXml, secretKey, secretKeyNode } from "@aurochs/xml"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { juliet, julietKeys, type Made, romeo, standingClock } from "./people.ts"
import { type PepBehaviour, pepService } from "./pep-service.ts"

const { provider, keys } = await julietKeys(2)
const [one, two] = keys as [Made, Made]
const random = cryptoRandom()
const feature = (name: string) => `${namespaces.pubsub}#${name}`

function setUp(behaviour: PepBehaviour = {}) {
  const service = pepService(behaviour)
  const transport = service.transport(juliet)
  const clock = standingClock()
  const base = { transport, provider }
  return {
    service,
    node: () => service.node(juliet, secretKeyNode),
    backUp: (recreate = false, made: readonly Made[] = [one, two], unannounced = false) =>
      backUpKeys({ ...base, keys: made.map(({ key }) => key), random, clock, recreate, unannounced }),
    restore: (code: string) => restoreKeys({ ...base, code }),
    remove: () => removeBackup(base),
    asked: () => service.asked.filter(({ node }) => node === secretKeyNode).map(({ action }) => action),
  }
}

const stored = async (t: ReturnType<typeof setUp>) => {
  const backup = await t.backUp()
  if (backup.kind !== "stored") throw new Error(`refused: ${backup.because}`)
  return backup
}

const prints = (restored: Restored) =>
  restored.kind === "restored" ? restored.keys.map((key) => key.certificate.fingerprint) : []

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe("the backup code", () => {
  test("R42: 24 characters without O and 0, in six groups; every character comes equally often", () => {
    const counts = new Map<string, number>()
    const codes = 2_000
    for (let i = 0; i < codes; i++) {
      const code = backupCode(random)
      expect(code).toMatch(/^(?:[123456789ABCDEFGHIJKLMNPQRSTUVWXYZ]{4}-){5}[123456789ABCDEFGHIJKLMNPQRSTUVWXYZ]{4}$/)
      expect(code).toHaveLength(29)
      for (const character of code.replaceAll("-", "")) counts.set(character, (counts.get(character) ?? 0) + 1)
    }
    expect(counts.size).toBe(34)
    const expected = (codes * 24) / 34
    const chi = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    // 33 degrees of freedom: above 80 once in a hundred thousand runs.
    expect(chi).toBeLessThan(80)
  })

  test("R42: it is made of the random source alone, and looks like one", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (seed) => {
        let call = 0
        const fixed = {
          bytes: (n: number) => Uint8Array.from({ length: n }, (_, i) => (seed[i % 4] ?? 0) & 0x7f & (255 - call++)),
        }
        expect(looksLikeBackupCode(backupCode(fixed))).toBe(true)
      }),
    )
    expect(looksLikeBackupCode("twnk-kd5y-mt3t-e1gs-drdb-kvtw")).toBe(false)
    expect(looksLikeBackupCode("TWNK-KD5Y-MT3T-E1GS-DRDB-KVT0")).toBe(false)
  })
})

describe("storing", () => {
  test("R38, R40, I9: a node that is not there is made with a whitelist; two keys come back", async () => {
    const t = setUp()
    const { code, fingerprints, warnings } = await stored(t)
    expect(t.node()?.config["pubsub#access_model"]).toBe("whitelist")
    expect(t.asked().indexOf("create")).toBeLessThan(t.asked().indexOf("publish"))
    expect(fingerprints).toEqual([one.info.fingerprint, two.info.fingerprint])
    expect(warnings).toEqual([])
    const restored = await t.restore(code)
    expect(prints(restored)).toEqual(fingerprints)
    expect(restored).toMatchObject({ exposed: undefined })
  })

  test("R41, R44: inside are secret key packets with S2K usage zero, outside one password packet with AES", async () => {
    const t = setUp()
    const { code } = await stored(t)
    const sealed = secretKey.read(t.node()?.items[0]?.payload ?? parseXml("<x xmlns='y'/>"))
    // Old or new header of a version 4 symmetric-key encrypted session key; AES-128, 192 or 256.
    expect([0x8c, 0xc3]).toContain(sealed[0])
    expect(sealed[2]).toBe(4)
    expect([7, 8, 9]).toContain(sealed[3])
    const plain = await provider.secrets?.decryptWithPassword(sealed, { password: code })
    const alone = await provider.secrets?.export(one.key, { passphrase: "none" })
    expect(plain?.subarray(0, alone?.length)).toEqual(alone)
    // v4 Ed25519: header, version, time, algorithm, OID, point; then the usage octet.
    const body = alone?.subarray(2) ?? new Uint8Array()
    const afterOid = 6 + 1 + (body[6] ?? 0)
    const pointBytes = Math.ceil((((body[afterOid] ?? 0) << 8) + (body[afterOid + 1] ?? 0)) / 8)
    expect(body[afterOid + 2 + pointBytes]).toBe(0)
  })

  test("R43: the code counts verbatim: without dashes, in lower case or with a blank it opens nothing", async () => {
    const t = setUp()
    const { code } = await stored(t)
    for (const wrong of [code.replaceAll("-", ""), code.toLowerCase(), ` ${code}`, `${code}\n`, backupCode(random)]) {
      expect(await thrownBy(t.restore(wrong))).toMatchObject({ details: { because: "bad-passphrase" } })
    }
    expect((await t.restore(code)).kind).toBe("restored")
  })

  test("a new backup has a new code, and the old one opens nothing any more", async () => {
    const t = setUp()
    const first = await stored(t)
    const second = await stored(t)
    expect(second.code).not.toBe(first.code)
    expect(await thrownBy(t.restore(first.code))).toMatchObject({ code: "CANNOT_DECRYPT" })
  })

  test("R36: without PEP or access-whitelist nothing is asked of the node, and nothing is stored", async () => {
    for (const features of [[], [feature("persistent-items")]]) {
      const t = setUp({ features })
      expect(await t.backUp()).toEqual({ kind: "refused", because: "no-whitelist" })
      expect(t.asked()).toEqual([])
    }
  })

  test("R36: on demand it goes on without the announcement, and looks at the node all the same", async () => {
    const t = setUp({ features: [] })
    expect(await t.backUp(false, [one], true)).toMatchObject({ kind: "stored", warnings: ["not-persistent"] })
    const open = setUp({ features: [] })
    open.service.put(juliet, secretKeyNode, [], { "pubsub#access_model": "open" })
    expect(await open.backUp(false, [one], true)).toMatchObject({ kind: "refused", because: "not-whitelist" })
  })

  test("R37: without persistent-items there is a warning", async () => {
    const t = setUp({ features: [feature("access-whitelist")] })
    expect((await stored(t)).warnings).toEqual(["not-persistent"])
  })

  test.each(["open", "presence", "roster", "authorize"])(
    "R38: a node whose access model is %s gets no key; on demand it is made anew",
    async (accessModel) => {
      const t = setUp()
      t.service.put(juliet, secretKeyNode, [], { "pubsub#access_model": accessModel })
      expect(await t.backUp()).toEqual({ kind: "refused", because: "not-whitelist", accessModel })
      expect(t.node()?.items).toEqual([])
      expect((await t.backUp(true)).kind).toBe("stored")
      expect(t.node()?.config["pubsub#access_model"]).toBe("whitelist")
    },
  )

  test("R39: somebody else on the whitelist: nothing is stored, also into a new node", async () => {
    const t = setUp({ affiliations: { "nurse@example.org": "member", "tybalt@example.org": "outcast" } })
    const refused = { kind: "refused", because: "others", others: ["nurse@example.org"] }
    expect(await t.backUp()).toEqual(refused)
    expect(await t.backUp(true)).toEqual(refused)
    expect(t.node()?.items).toEqual([])
  })

  test("R39: a server that does not tell the settings gets no key", async () => {
    const t = setUp({ withoutConfig: true })
    t.service.put(juliet, secretKeyNode, [], { "pubsub#access_model": "whitelist" })
    expect(await t.backUp()).toEqual({ kind: "refused", because: "not-told" })
    expect(t.node()?.items).toEqual([])
  })

  test("R38: a node that is opened between the check and the publication is refused by the server", async () => {
    const t: ReturnType<typeof setUp> = setUp({
      before({ action }) {
        const node = t.node()
        if (action === "publish" && node) node.config = { ...node.config, "pubsub#access_model": "open" }
      },
    })
    expect(await thrownBy(t.backUp())).toMatchObject({ details: { application: "precondition-not-met" } })
    expect(t.node()?.items).toEqual([])
  })

  test("R38: where publish-options are not looked at, what was stored in an opened node is deleted again", async () => {
    const t: ReturnType<typeof setUp> = setUp({
      publishOptions: false,
      before({ action }) {
        const node = t.node()
        if (action === "publish" && node) node.config = { ...node.config, "pubsub#access_model": "open" }
      },
    })
    expect(await t.backUp()).toMatchObject({ kind: "refused", because: "not-whitelist" })
    expect(t.node()).toBeUndefined()
  })

  test("R36: an engine that gives no secret key away, and no key at all, are errors", async () => {
    const t = setUp()
    const { transport } = { transport: t.service.transport(juliet) }
    const card = { ...provider, secrets: undefined }
    const o = { transport, provider: card, keys: [one.key], random, clock: standingClock() }
    expect(isAurochsError(await thrownBy(backUpKeys(o)), "UNSUPPORTED")).toBe(true)
    expect(isAurochsError(await thrownBy(t.backUp(false, [])), "BAD_DATA")).toBe(true)
  })
})

describe("bringing back", () => {
  test("R36: an account without a backup has none", async () => {
    expect(await setUp().restore("TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW")).toEqual({ kind: "none" })
  })

  test("R39: a node that others can read brings the keys and says so", async () => {
    const t = setUp()
    const { code } = await stored(t)
    const node = t.node()
    if (node) node.config = { ...node.config, "pubsub#access_model": "open" }
    expect(await t.restore(code)).toMatchObject({
      kind: "restored",
      exposed: { because: "not-whitelist", accessModel: "open" },
    })
  })

  test("A18: only the own account's node is asked", async () => {
    const t = setUp()
    await stored(t)
    const asOther: BareJid = romeo
    expect(await restoreKeys({ transport: t.service.transport(asOther), provider, code: "X" })).toEqual({
      kind: "none",
    })
    expect(t.service.asked.every(({ from, owner }) => from === owner)).toBe(true)
  })

  test("A18: an Argon2 that needs 2 GiB is refused before any work", async () => {
    const t = setUp()
    // Version 4 packet: AES-256, Argon2 with salt, one pass, one lane, 2^21 KiB; then an encrypted data packet.
    const body = [4, 9, 4, ...Array.from({ length: 16 }, () => 7), 1, 1, 21]
    const bytes = Uint8Array.from([0xc3, body.length, ...body, 0xd2, 40, 1, ...Array.from({ length: 39 }, () => 9)])
    t.service.put(juliet, secretKeyNode, [{ id: "x", payload: secretKey.write(bytes) }])
    const started = performance.now()
    const thrown = await thrownBy(t.restore("TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW"))
    expect(thrown).toMatchObject({ code: "BAD_DATA", details: { limit: "maxArgon2MemoryExponent" } })
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  test("A18: a backup above the bound is refused, and one that is no OpenPGP message", async () => {
    const t = setUp()
    t.service.put(juliet, secretKeyNode, [{ id: "x", payload: secretKey.write(new Uint8Array(300_000).fill(0xc3)) }])
    expect(await thrownBy(t.restore("A"))).toMatchObject({ code: "BAD_DATA", details: { limit: "maxBackupBytes" } })
    t.service.put(juliet, secretKeyNode, [{ id: "x", payload: secretKey.write(Uint8Array.from([0xc6, 1, 2, 3])) }])
    expect(await thrownBy(t.restore("A"))).toMatchObject({ code: "BAD_DATA" })
  })

  test("I9: what was taken away is gone", async () => {
    const t = setUp()
    const { code } = await stored(t)
    await t.remove()
    await t.remove()
    expect(await t.restore(code)).toEqual({ kind: "none" })
  })
})
