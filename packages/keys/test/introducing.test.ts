import type { Fingerprint, KnownKey } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { announcedKeys, configuredKeys, either, introducing, policyOf, tofu, verifiedKeys } from "../src/index.ts"
import { info, known, later, now, print } from "./samples.ts"

/** What tofu says of a key, where these certify it. */
function decide(
  key: KnownKey,
  others: readonly KnownKey[],
  certified: Readonly<Record<string, readonly Fingerprint[]>>,
  trust = tofu(),
) {
  const certifiers = new Map(Object.entries(certified)) as ReadonlyMap<Fingerprint, readonly Fingerprint[]>
  const facts = { others, certifiers, now, info: { ...info(0), fingerprint: key.fingerprint, bytes: key.bytes } }
  return trust(key, facts)
}

const young = (n: number, o: Partial<KnownKey> = {}) => known(n, { firstSeen: later, ...o })
const introduced = { use: "encrypt+verify", level: "introduced", because: "certified" }
const refused = { use: "never", level: "quarantined", because: "new-key" }

describe("a later key under tofu", () => {
  test("is used if a key of the first list certifies it (A5)", () => {
    expect(decide(young(2), [known(1)], { [print(2)]: [print(1)] })).toEqual(introduced)
    expect(decide(young(2), [known(1)], {})).toEqual(refused)
  })

  test("is used if a key that the operator verified certifies it", () => {
    const verified = young(2, { approval: "verified" })
    expect(decide(young(3), [known(1), verified], { [print(3)]: [print(2)] })).toEqual(introduced)
  })

  test("is not used if only a key certifies it that is not used either, or that the operator distrusts (A5)", () => {
    expect(decide(young(3), [known(1), young(2)], { [print(3)]: [print(2)] })).toEqual(refused)
    const distrusted = known(1, { approval: "distrusted" })
    expect(decide(young(2), [distrusted, known(3)], { [print(2)]: [print(1)] })).toEqual(refused)
  })

  test("is not used if it certifies itself, or in a circle", () => {
    expect(decide(young(2), [known(1)], { [print(2)]: [print(2)] })).toEqual(refused)
    const circle = { [print(2)]: [print(3)], [print(3)]: [print(2)] }
    expect(decide(young(2), [known(1), young(3)], circle)).toEqual(refused)
  })

  test("that nothing binds to the account is only a candidate, whoever certifies it", () => {
    const candidate = young(2, { binds: "nothing", announced: false })
    expect(decide(candidate, [known(1)], { [print(2)]: [print(1)] })).toMatchObject({ use: "never" })
  })

  test("is reached over a chain of vouchers, through keys that are no longer announced", () => {
    const middle = young(2, { announced: false })
    expect(decide(young(3), [known(1), middle], { [print(3)]: [print(2)], [print(2)]: [print(1)] })).toEqual(introduced)
  })

  test("that the operator distrusts is never used", () => {
    const key = young(2, { approval: "distrusted" })
    expect(decide(key, [known(1)], { [print(2)]: [print(1)] })).toMatchObject({ use: "never", because: "by-hand" })
  })

  test("takes the place of a first key that left the list", () => {
    const gone = known(1, { announced: false })
    expect(decide(gone, [young(2)], { [print(2)]: [print(1)] })).toMatchObject({ use: "verify-only" })
    expect(decide(gone, [young(2)], {})).toMatchObject({ use: "encrypt+verify" })
  })

  test("whatever vouches for whatever: nothing without a way back to a first or verified key is used", () => {
    const ids = fc.integer({ min: 2, max: 6 })
    fc.assert(
      fc.property(fc.array(fc.tuple(ids, ids), { maxLength: 20 }), (edges) => {
        const certified: Record<string, Fingerprint[]> = {}
        for (const [key, by] of edges) certified[print(key)] = [...(certified[print(key)] ?? []), print(by)]
        const all = [2, 3, 4, 5, 6].map((n) => young(n))
        for (const key of all) {
          const others = [known(1), ...all.filter((one) => one !== key)]
          expect(decide(key, others, certified)).toEqual(refused)
        }
      }),
    )
  })
})

describe("composed policies", () => {
  test("configured fingerprints with introductions", () => {
    const trust = policyOf(introducing(either(configuredKeys([print(1)]), verifiedKeys())), { withoutList: true })
    expect(decide(known(1), [], {}, trust)).toMatchObject({ level: "verified", because: "pinned" })
    expect(decide(young(2), [known(1)], { [print(2)]: [print(1)] }, trust)).toEqual(introduced)
    expect(decide(young(2), [known(1)], {}, trust)).toEqual(refused)
  })

  test("a key that was accepted blindly vouches for nothing", () => {
    const trust = policyOf(introducing(either(verifiedKeys(), announcedKeys())), { withoutList: false })
    const others = [known(1), known(3, { approval: "verified", announced: false })]
    expect(decide(young(2), others, { [print(2)]: [print(1)] }, trust)).toEqual(refused)
    expect(decide(young(2), others, { [print(2)]: [print(3)] }, trust)).toEqual(introduced)
  })
})

test("A21: a key revoked as superseded verifies what it signed before; in any other way, or unknown how, nothing", () => {
  const at = (revocation: "soft" | "hard" | undefined) =>
    tofu()(known(1), { others: [], now, info: { ...info(1), revokedAt: later, revocation } })
  expect(at("soft")).toEqual({ use: "verify-only", level: "first-use", because: "revoked" })
  expect(at("hard")).toMatchObject({ use: "never", because: "revoked" })
  expect(at(undefined)).toMatchObject({ use: "never", because: "revoked" })
})
