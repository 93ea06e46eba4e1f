import { describe, expect, test } from "vitest"
import { binding, blindBeforeVerification, pinned, tofu, verifiedOnly } from "../src/index.ts"
import { decide, earlier, known, later, print, userIds } from "./samples.ts"

const wkd = { source: "wkd", binds: "https-domain", announced: false } as const
const dns = { source: "dns", binds: "dnssec", announced: false } as const
const hkp = { source: "hkp", binds: "nothing", announced: false } as const

describe("a source besides PEP binds only where the policy says so", () => {
  test.each([
    ["blindBeforeVerification", blindBeforeVerification()],
    ["tofu", tofu()],
    ["pinned", pinned([print(9)])],
    ["verifiedOnly", verifiedOnly()],
  ])("%s by itself uses nothing of WKD, DNS and HKP", (_, policy) => {
    for (const where of [wkd, dns, hkp]) {
      expect(decide(policy, known(1, where))).toMatchObject({ use: "never", because: "not-announced" })
    }
  })

  test("named, it is used as if it were announced", () => {
    const policy = binding(blindBeforeVerification(), ["https-domain"])
    expect(decide(policy, known(1, wkd))).toEqual({ use: "encrypt+verify", level: "blind", because: "first-key" })
    expect(decide(policy, known(1, dns))).toMatchObject({ use: "never" })
    expect(decide(binding(tofu(), ["dnssec"]), known(1, dns))).toMatchObject({
      use: "encrypt+verify",
      level: "first-use",
    })
  })

  test("a key server never binds, whatever is named (A5)", () => {
    const policy = binding(blindBeforeVerification(), ["https-domain", "dnssec"])
    expect(decide(policy, known(1, hkp))).toMatchObject({ use: "never", because: "not-announced" })
  })

  test("as soon as the account announced a key, only what it announces counts (A5)", () => {
    const policy = binding(blindBeforeVerification(), ["https-domain"])
    for (const announced of [true, false]) {
      expect(decide(policy, known(1, wkd), [known(2, { announced })])).toMatchObject({ use: "never" })
    }
    expect(decide(policy, known(2), [known(1, wkd)])).toMatchObject({ use: "encrypt+verify" })
  })

  test("without the owner's valid xmpp: User ID it never does (R17, A4)", () => {
    const policy = binding(blindBeforeVerification(), ["https-domain", "dnssec"])
    for (const ids of [[], userIds("juliet@example.org"), userIds("xmpp:juliet@example.org", "unsigned")]) {
      expect(decide(policy, known(1, wkd), [], { userIds: ids })).toMatchObject({ use: "never", because: "no-user-id" })
    }
  })

  test("revoked, expired and distrusted mean what they mean elsewhere (A21)", () => {
    const policy = binding(blindBeforeVerification(), ["https-domain"])
    expect(decide(policy, known(1, wkd), [], { revokedAt: earlier })).toMatchObject({
      use: "never",
      because: "revoked",
    })
    expect(decide(policy, known(1, wkd), [], { expiresAt: earlier })).toMatchObject({ use: "verify-only" })
    expect(decide(policy, known(1, { ...wkd, approval: "distrusted" }))).toMatchObject({ level: "distrusted" })
  })

  test("tofu: a key that the domain serves later is not one of the first (A5)", () => {
    const policy = binding(tofu(), ["https-domain"])
    expect(decide(policy, known(2, { ...wkd, firstSeen: later }), [known(1, wkd)])).toMatchObject({
      use: "never",
      because: "new-key",
    })
  })
})
