import { isAurochsError, type KnownKey } from "@aurochs/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { blindBeforeVerification, pinned, policyOf, type TrustPolicy, tofu, verifiedOnly } from "../src/index.ts"
import { decide, earlier, info, known, later, now, print, userIds } from "./samples.ts"

/** Each policy, and a key that it accepts. */
const policies: readonly [string, TrustPolicy, KnownKey][] = [
  ["pinned", pinned([print(1)]), known(1)],
  ["tofu", tofu(), known(1)],
  ["blindBeforeVerification", blindBeforeVerification(), known(1)],
  ["verifiedOnly", verifiedOnly(), known(1, { approval: "verified" })],
]

describe.each(policies)("%s", (_, trust, key) => {
  const level = decide(trust, key).level

  test("an accepted key is used both ways", () => {
    expect(decide(trust, key).use).toBe("encrypt+verify")
  })

  test("the operator's distrust is stronger than anything", () => {
    const distrusted = { ...key, approval: "distrusted" } as const
    expect(decide(trust, distrusted)).toEqual({ use: "never", level: "distrusted", because: "by-hand" })
    expect(decide(trust, distrusted, [], { revokedAt: earlier })).toMatchObject({ because: "by-hand" })
  })

  test("a revoked key is never used (A21, R15)", () => {
    expect(decide(trust, key, [], { revokedAt: earlier })).toEqual({
      use: "never",
      level: "quarantined",
      because: "revoked",
    })
  })

  test.each(["unsigned", "revoked", "expired"] as const)("a User ID that is %s makes it useless (R17)", (status) => {
    expect(decide(trust, key, [], { userIds: userIds("xmpp:juliet@example.org", status) })).toEqual({
      use: "never",
      level: "quarantined",
      because: "no-user-id",
    })
  })

  test("somebody else's User ID makes it useless (A4, R17)", () => {
    const other = userIds("xmpp:juliet@example.org.evil")
    expect(decide(trust, key, [], { userIds: other })).toMatchObject({ use: "never", because: "no-user-id" })
  })

  test("an expired key verifies only, also where its User ID expired with it (A21)", () => {
    const verifyOnly = { use: "verify-only", level, because: "expired" }
    expect(decide(trust, key, [], { expiresAt: now })).toEqual(verifyOnly)
    const withItsUserId = { expiresAt: earlier, userIds: userIds("xmpp:juliet@example.org", "expired") }
    expect(decide(trust, key, [], withItsUserId)).toEqual(verifyOnly)
    const grafted = { expiresAt: earlier, userIds: userIds("xmpp:juliet@example.org", "unsigned") }
    expect(decide(trust, key, [], grafted)).toMatchObject({ use: "never", because: "no-user-id" })
  })

  test("a key that expires later is used", () => {
    expect(decide(trust, key, [], { expiresAt: new Date(now.getTime() + 1) }).use).toBe("encrypt+verify")
  })

  test("a key that was taken out of the list, beside one that is in it, verifies only", () => {
    // Seen together with the other and accepted like it.
    const all = policyOf(() => ({ level: "verified", because: "by-hand" }), { withoutList: true })
    expect(decide(all, { ...key, announced: false }, [known(2)])).toMatchObject({
      use: "verify-only",
      because: "not-announced",
    })
  })

  test("the same facts give the same answer", () => {
    expect(decide(trust, key, [known(2)])).toEqual(decide(trust, key, [known(2)]))
  })
})

describe("pinned", () => {
  test("a configured key is verified, any other is quarantined (A5)", () => {
    const trust = pinned([print(1)])
    expect(decide(trust, known(1))).toEqual({ use: "encrypt+verify", level: "verified", because: "pinned" })
    expect(decide(trust, known(2))).toEqual({ use: "never", level: "quarantined", because: "new-key" })
  })

  test("the operator may approve another one (R4, R54)", () => {
    expect(decide(pinned([print(1)]), known(2, { approval: "verified" }))).toEqual({
      use: "encrypt+verify",
      level: "verified",
      because: "by-hand",
    })
  })

  test("a list that names no pinned key changes nothing (A5)", () => {
    const trust = pinned([print(1)])
    const unlisted = known(1, { announced: false })
    expect(decide(trust, unlisted, [known(2)])).toMatchObject({ use: "encrypt+verify", because: "pinned" })
    expect(decide(trust, unlisted)).toMatchObject({ use: "encrypt+verify", because: "pinned" })
  })

  test("of two pinned keys the one that left the list is retired", () => {
    const trust = pinned([print(1), print(2)])
    expect(decide(trust, known(1, { announced: false }), [known(2)])).toEqual({
      use: "verify-only",
      level: "verified",
      because: "not-announced",
    })
    // A distrusted key does not stand in for it.
    const distrusted = known(2, { approval: "distrusted" })
    expect(decide(trust, known(1, { announced: false }), [distrusted]).use).toBe("encrypt+verify")
  })

  test("without fingerprints nothing is used", () => {
    expect(decide(pinned([]), known(1)).use).toBe("never")
  })

  test("fingerprints are read as people write them, and checked", () => {
    const spaced = print(1)
      .toLowerCase()
      .replace(/(.{4})/g, "$1 ")
    expect(decide(pinned([spaced]), known(1)).use).toBe("encrypt+verify")
    expect(() => pinned(["A94F"])).toThrow(/fingerprint/)
    try {
      pinned(["A94F"])
    } catch (error) {
      expect(isAurochsError(error, "BAD_DATA")).toBe(true)
    }
  })
})

describe("tofu", () => {
  test("the keys that were seen first are used, a later one is quarantined (A5)", () => {
    const first = [known(1), known(2)]
    const added = known(3, { firstSeen: later })
    const decisions = [...first, added].map((key, i, all) => decide(tofu(), key, all.toSpliced(i, 1)))
    expect(decisions.map(({ use, level, because }) => [use, level, because])).toEqual([
      ["encrypt+verify", "first-use", "first-key"],
      ["encrypt+verify", "first-use", "first-key"],
      ["never", "quarantined", "new-key"],
    ])
  })

  test("one millisecond is later (A5)", () => {
    const added = known(2, { firstSeen: new Date(earlier.getTime() + 1) })
    expect(decide(tofu(), added, [known(1)]).use).toBe("never")
  })

  test("a later key is used once the operator approved it (R54)", () => {
    const approved = known(2, { firstSeen: later, approval: "verified" })
    expect(decide(tofu(), approved, [known(1)])).toMatchObject({ use: "encrypt+verify", level: "verified" })
    expect(decide(tofu(), known(1), [approved]).use).toBe("encrypt+verify")
  })

  test("a replaced list changes nothing (A5)", () => {
    const replacement = known(2, { firstSeen: later })
    expect(decide(tofu(), known(1, { announced: false }), [replacement]).use).toBe("encrypt+verify")
  })

  test("a key that nothing binds to the account is neither first nor makes others late", () => {
    const candidate = known(2, { firstSeen: new Date(0), binds: "nothing", announced: false, source: "import" })
    expect(decide(tofu(), candidate, [known(1)])).toMatchObject({ use: "never", because: "not-announced" })
    expect(decide(tofu(), known(1), [candidate]).use).toBe("encrypt+verify")
  })

  test("after a key was verified by hand before the first list, the list is not trusted blindly (A5)", () => {
    const byHand = known(2, { firstSeen: new Date(0), binds: "nothing", approval: "verified", announced: false })
    expect(decide(tofu(), known(1), [byHand])).toMatchObject({ use: "never", level: "quarantined" })
  })
})

describe("blindBeforeVerification", () => {
  test("every announced key is used, and the level says how little that means (I8)", () => {
    const trust = blindBeforeVerification()
    const added = known(2, { firstSeen: later })
    expect(decide(trust, known(1), [added])).toEqual({ use: "encrypt+verify", level: "blind", because: "first-key" })
    expect(decide(trust, added, [known(1)])).toEqual({ use: "encrypt+verify", level: "blind", because: "new-key" })
  })

  test("after one was verified, no other is used, known before or new (A5)", () => {
    const verified = known(1, { approval: "verified" })
    const trust = blindBeforeVerification()
    expect(decide(trust, verified, [known(2)])).toMatchObject({ use: "encrypt+verify", level: "verified" })
    expect(decide(trust, known(2), [verified])).toEqual({ use: "never", level: "quarantined", because: "new-key" })
  })

  test("a key that left the list verifies only, whatever stands beside it", () => {
    const gone = { use: "verify-only", because: "not-announced" }
    expect(decide(blindBeforeVerification(), known(1, { announced: false }))).toMatchObject(gone)
    const verified = known(1, { announced: false, approval: "verified" })
    expect(decide(blindBeforeVerification(), verified)).toMatchObject(gone)
  })

  test.each(["dnssec", "https-domain", "nothing"] as const)("a key that %s binds is only a candidate", (binds) => {
    expect(decide(blindBeforeVerification(), known(1, { binds, announced: false }))).toEqual({
      use: "never",
      level: "quarantined",
      because: "not-announced",
    })
  })
})

describe("verifiedOnly", () => {
  test("only what the operator verified is used (R54)", () => {
    expect(decide(verifiedOnly(), known(1, { approval: "verified" }))).toEqual({
      use: "encrypt+verify",
      level: "verified",
      because: "by-hand",
    })
    expect(decide(verifiedOnly(), known(1))).toEqual({ use: "never", level: "quarantined", because: "new-key" })
  })
})

describe("properties", () => {
  const arbitraryKey = (n: number) =>
    fc
      .record({
        firstSeen: fc.integer({ min: 0, max: 3 }).map((day) => new Date(earlier.getTime() + day * 86_400_000)),
        binds: fc.constantFrom("account", "dnssec", "https-domain", "nothing"),
        announced: fc.boolean(),
        approval: fc.constantFrom("verified", "distrusted", "none"),
      } as const)
      .map((fields) => known(n, fields))
  const arbitraryKeys = fc
    .integer({ min: 1, max: 5 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, i) => arbitraryKey(i))))
  const arbitraryInfo = fc.record(
    {
      userIds: fc.constantFrom(userIds("xmpp:juliet@example.org"), userIds("xmpp:juliet@example.org", "unsigned"), []),
      expiresAt: fc.constantFrom(earlier, new Date(now.getTime() + 1)),
      revokedAt: fc.constant(earlier),
    },
    { requiredKeys: ["userIds"] },
  )

  test.each(policies)("%s: no level below blind is ever used, and none is used against the facts", (_, trust) => {
    fc.assert(
      fc.property(arbitraryKeys, arbitraryInfo, (keys, o) => {
        const [key, ...others] = keys
        if (key === undefined) return
        const { use, level } = trust(key, { others, info: info(0, o), now })
        if (level === "quarantined" || level === "distrusted") expect(use).toBe("never")
        if (key.approval === "distrusted" || o.revokedAt !== undefined) expect(use).toBe("never")
        if (o.userIds[0]?.status !== "valid") expect(use).toBe("never")
        if (o.expiresAt === earlier) expect(use).not.toBe("encrypt+verify")
      }),
    )
  })

  test("tofu: whatever a server adds later never changes who is encrypted to (A5)", () => {
    fc.assert(
      fc.property(arbitraryKeys, fc.boolean(), (keys, announced) => {
        const used = (all: readonly KnownKey[]) =>
          all.filter(
            (key) =>
              decide(
                tofu(),
                key,
                all.filter((other) => other !== key),
              ).use === "encrypt+verify",
          )
        fc.pre(keys.some((key) => key.binds === "account"))
        const added = known(99, { firstSeen: now, announced })
        expect(used([...keys, added])).toEqual(used(keys))
      }),
    )
  })
})
