import { describeKeyDirectory } from "@aurochs/conformance"
import { type BareJid, bareJid } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import type { KeyDirectory } from "@aurochs/keys"
import { type HkpOptions, hkpDirectory } from "@aurochs/keys/hkp"
import { describe, expect, test } from "vitest"
import { needs } from "../rig/needs.ts"
import { sksPrograms, startSks } from "../rig/sks.ts"
import { collect, makeKey } from "./people.ts"

const sks = needs({ name: "sks", programs: sksPrograms, start: startSks })
const provider = openpgpjs()

const open = (o: Partial<HkpOptions> = {}) =>
  hkpDirectory({ server: sks.it.url, allowPrivate: ["127.0.0.1"], proxy: "none", ...o })
let people = 0
/** What is on a key server stays there: somebody new for each test. */
const somebody = () => bareJid(`somebody${++people}@ox.test`)

async function upload(...certificates: readonly CertificateInfo[]): Promise<void> {
  for (const one of certificates) await open({ upload: true }).publish?.(one)
}

const prints = async (directory: KeyDirectory, owner: BareJid) => {
  const items = await collect(directory.lookup({ owner }))
  return Promise.all(items.map(async (one) => ("bytes" in one ? (await provider.inspect(one.bytes)).fingerprint : one)))
}

describeKeyDirectory(
  "hkp on SKS",
  async () => {
    const owner = somebody()
    return {
      directory: open(),
      owner,
      certificates: [(await makeKey(provider, owner)).small, (await makeKey(provider, owner)).small],
      stock: async (certificates: readonly CertificateInfo[]) => upload(...certificates),
      [Symbol.asyncDispose]: async () => {},
    }
  },
  { onlyReads: true },
)

describe("SKS", () => {
  test("what somebody uploaded in the owner's name is found, and binds nothing (A5)", async () => {
    const owner = somebody()
    const [one, two] = [await makeKey(provider, owner), await makeKey(provider, owner)]
    await upload(one.small, two.small)
    const items = await collect(open().lookup({ owner }))
    expect(items).toMatchObject([
      { source: "hkp", binds: "nothing" },
      { source: "hkp", binds: "nothing" },
    ])
    expect((await prints(open(), owner)).toSorted()).toEqual([one.small.fingerprint, two.small.fingerprint].toSorted())
  })

  test("only what carries xmpp: and this very address: not the mail address, not a longer one (A4, R17)", async () => {
    const owner = somebody()
    const exact = await makeKey(provider, owner)
    await upload(exact.small)
    for (const userId of [`${owner}`, `xmpp:${owner}.evil`, `xmpp:x${owner}`, `see xmpp:${owner}`]) {
      await upload((await makeKey(provider, owner, { userId })).small)
    }
    expect(await prints(open(), owner)).toEqual([exact.small.fingerprint])
  })

  test("others' signatures do not come with it (A19, R49)", async () => {
    const owner = somebody()
    const [key, friend] = [await makeKey(provider, owner), await makeKey(provider, somebody())]
    const certified = await provider.lifecycle?.certify(key.small.bytes, {
      signWith: friend.key,
      userId: `xmpp:${owner}`,
      now: new Date("2026-11-10T00:00:00Z"),
    })
    await upload({ ...key.small, bytes: certified?.bytes ?? new Uint8Array() })
    const [found] = await collect(open().lookup({ owner }))
    expect(found).toMatchObject({ bytes: key.small.bytes })
  })

  test("a revocation that was uploaded comes with the key (A21)", async () => {
    const owner = somebody()
    const key = await makeKey(provider, owner)
    await upload(key.small)
    const revoked = await provider.lifecycle?.revoke(key.key, { now: new Date("2026-11-10T00:00:00Z") })
    await upload({ ...key.small, bytes: revoked?.bytes ?? new Uint8Array() })
    const [found] = await collect(open().lookup({ owner, fingerprint: key.small.fingerprint }))
    const info = await provider.inspect(found && "bytes" in found ? found.bytes : new Uint8Array())
    expect(info.revokedAt).toEqual(new Date("2026-11-10T00:00:00Z"))
  })

  test("of many in one name the first are fetched, the rest is named (A19)", async () => {
    const owner = somebody()
    for (let i = 0; i < 4; i++) await upload((await makeKey(provider, owner)).small)
    const items = await collect(open({ maxKeys: 2 }).lookup({ owner }))
    expect(items.map((one) => ("bytes" in one ? "found" : one.because))).toEqual([
      ...["found", "found", "too-many-listed", "too-many-listed"],
    ])
    expect(items[2]).toMatchObject({ candidate: true, source: "hkp" })
  })

  test("one that is too large is named, and the others come (A19)", async () => {
    const owner = somebody()
    const [small, large] = [await makeKey(provider, owner), await makeKey(provider, owner)]
    let bytes: Uint8Array = large.small.bytes
    for (let i = 0; i < 12; i++) {
      const signWith = (await makeKey(provider, somebody())).key
      const at = { signWith, userId: `xmpp:${owner}`, now: new Date("2026-11-10T00:00:00Z") }
      bytes = (await provider.lifecycle?.certify(bytes, at))?.bytes ?? bytes
    }
    await upload(small.small, { ...large.small, bytes })
    const items = await collect(open({ maxBytes: 1_500 }).lookup({ owner }))
    expect(items).toHaveLength(2)
    expect(items).toContainEqual({
      missing: large.small.fingerprint,
      because: "too-large",
      source: "hkp",
      candidate: true,
    })
    expect(await prints(open(), owner)).toHaveLength(2)
  })

  test("uploads have to be switched on, and say that they stay", () => {
    expect(open().publish).toBeUndefined()
    expect(open({ upload: true }).retract).toBeUndefined()
    expect(open({ upload: true }).notice).toMatch(/cannot be taken back/)
    expect(open().notice).toContain("127.0.0.1")
  })

  test("this machine is not asked unless it was named (A34)", async () => {
    const directory = hkpDirectory({ server: sks.it.url, proxy: "none" })
    await expect(collect(directory.lookup({ owner: somebody() }))).rejects.toMatchObject({
      code: "NETWORK",
      details: { phase: "connect" },
    })
  })
})
