import type { KeyStore, SecretStore } from "@aurochs/storage"
import { expect } from "vitest"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import {
  collect,
  everyByte,
  fingerprintOf,
  juliet,
  knownKey,
  moment,
  nurse,
  type Pair,
  romeo,
  tybalt,
} from "./storage-samples.ts"

/**
 * What every {@link KeyStore} must do.
 *
 * @param name of the adapter
 * @param make two instances over the same, empty data
 */
export function describeKeyStore(name: string, make: () => Promise<Pair<KeyStore>>, options?: SuiteOptions): void {
  describeCases(`KeyStore: ${name}`, keyStoreCases, make, options, (pair) => pair.dispose())
}

/**
 * What every {@link SecretStore} must do.
 *
 * @param name of the adapter
 * @param make two instances over the same, empty data
 */
export function describeSecretStore(
  name: string,
  make: () => Promise<Pair<SecretStore>>,
  options?: SuiteOptions,
): void {
  describeCases(`SecretStore: ${name}`, secretStoreCases, make, options, (pair) => pair.dispose())
}

/** The cases of {@link describeKeyStore}. */
export const keyStoreCases: readonly Case<Pair<KeyStore>>[] = [
  {
    title: "keys (R52): all of an owner's keys come back, in the order in which they were first seen",
    async run({ first, second }) {
      const late = knownKey("1", { firstSeen: moment(2000), binds: "dnssec", source: "dns" })
      const early = knownKey("2", { firstSeen: moment(1000), announced: false, approval: "distrusted" })
      const same = knownKey("3", { firstSeen: moment(2000), binds: "nothing", approval: "verified" })
      for (const key of [late, early, same]) await first.put(key)
      await first.put(knownKey("4", { owner: nurse, binds: "https-domain" }))
      expect(await collect(second.keysOf(romeo))).toEqual([early, late, same])
      expect(await collect(second.keysOf(tybalt))).toEqual([])
    },
  },
  {
    title: "keys: put replaces by owner and fingerprint",
    async run({ first, second }) {
      await first.put(knownKey("1"))
      await first.put(knownKey("1", { owner: nurse }))
      const changed = knownKey("1", { approval: "verified", bytes: new Uint8Array([1, 2]), announced: false })
      await second.put(changed)
      expect(await collect(first.keysOf(romeo))).toEqual([changed])
      expect(await collect(first.keysOf(nurse))).toEqual([knownKey("1", { owner: nurse })])
    },
  },
  {
    title: "keys: owners are those who have a key, sorted",
    async run({ first, second }) {
      for (const owner of [tybalt, nurse, romeo]) await first.put(knownKey("1", { owner }))
      await first.put(knownKey("2", { owner: nurse }))
      expect(await collect(second.owners())).toEqual([nurse, romeo, tybalt])
      await second.remove(romeo, fingerprintOf("1"))
      await second.remove(nurse, fingerprintOf("1"))
      await second.remove(nurse, fingerprintOf("9"))
      expect(await collect(first.owners())).toEqual([nurse, tybalt])
      expect(await collect(first.keysOf(nurse))).toEqual([knownKey("2", { owner: nurse })])
    },
  },
  {
    title: "keys: of keys that are put at once none is lost",
    async run({ first, second }) {
      const keys = Array.from({ length: 12 }, (_, index) => knownKey(String(100 + index)))
      await Promise.all(keys.map((key, index) => (index % 2 ? first : second).put(key)))
      const found = (await collect(first.keysOf(romeo))).map((key) => key.fingerprint).sort()
      expect(found).toEqual(keys.map((key) => key.fingerprint).sort())
    },
  },
  {
    title: "keys: of two who change the same certificate at once one is told (ifBytes), and nothing is lost",
    async run({ first, second }) {
      const at = (...bytes: number[]) => knownKey("1", { bytes: new Uint8Array(bytes) })
      const ifAbsent = { ifBytes: "absent" } as const
      expect(await first.put(at(1), { ifBytes: new Uint8Array([1]) })).toEqual({ kind: "conflict" })
      expect(await collect(second.keysOf(romeo))).toEqual([])
      expect(await first.put(at(1), ifAbsent)).toEqual({ kind: "stored" })
      expect(await second.put(at(9), ifAbsent)).toEqual({ kind: "conflict" })
      const ifOne = { ifBytes: new Uint8Array([1]) }
      const both = await Promise.all([first.put(at(1, 2), ifOne), second.put(at(1, 3), ifOne)])
      expect(both.map(({ kind }) => kind).sort()).toEqual(["conflict", "stored"])
      const won = both[0]?.kind === "stored" ? at(1, 2) : at(1, 3)
      expect(await collect(first.keysOf(romeo))).toEqual([won])
      // Without a condition it replaces, as ever; another owner's or another key is none of it.
      expect(await first.put(at(4))).toEqual({ kind: "stored" })
      expect(await second.put(knownKey("1", { owner: nurse }), ifAbsent)).toEqual({ kind: "stored" })
      expect(await collect(second.keysOf(romeo))).toEqual([at(4)])
    },
  },
  {
    title: "keys: an aborted call rejects with ABORTED and changes nothing",
    async run({ first }) {
      const aborted = expect.objectContaining({ code: "ABORTED" })
      await expect(first.put(knownKey("1"), { signal: AbortSignal.abort() })).rejects.toEqual(aborted)
      await expect(collect(first.keysOf(romeo, { signal: AbortSignal.abort() }))).rejects.toEqual(aborted)
      expect(await collect(first.keysOf(romeo))).toEqual([])
    },
  },
]

/** The cases of {@link describeSecretStore}. */
export const secretStoreCases: readonly Case<Pair<SecretStore>>[] = [
  {
    title: "secrets: an account's keys come back as they were saved, oldest first",
    async run({ first, second }) {
      expect(await first.load(juliet)).toEqual([])
      await first.save(juliet, everyByte())
      await second.save(juliet, new Uint8Array([3, 2, 1]))
      await second.save(nurse, new Uint8Array([9]))
      expect(await first.load(juliet)).toEqual([everyByte(), new Uint8Array([3, 2, 1])])
      expect(await second.load(nurse)).toEqual([new Uint8Array([9])])
    },
  },
  {
    title: "secrets: the same bytes again change nothing",
    async run({ first, second }) {
      await first.save(juliet, new Uint8Array([1]))
      await first.save(juliet, new Uint8Array([2]))
      await second.save(juliet, new Uint8Array([1]))
      expect(await first.load(juliet)).toEqual([new Uint8Array([1]), new Uint8Array([2])])
    },
  },
  {
    title: "secrets: of keys that are saved at once none is lost",
    async run({ first, second }) {
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 ? first : second).save(juliet, new Uint8Array([Math.floor(index / 2)])),
        ),
      )
      const found = (await second.load(juliet)).map((secret) => secret[0]).sort()
      expect(found).toEqual([0, 1, 2, 3, 4])
    },
  },
  {
    title: "secrets: an aborted call rejects with ABORTED and saves nothing",
    async run({ first }) {
      const aborted = expect.objectContaining({ code: "ABORTED" })
      await expect(first.save(juliet, new Uint8Array([1]), { signal: AbortSignal.abort() })).rejects.toEqual(aborted)
      expect(await first.load(juliet)).toEqual([])
    },
  },
]
