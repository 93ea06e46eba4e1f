import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type OwnKeyFacts, ownKeyAtStart } from "../src/index.ts"
import { print } from "./samples.ts"

const [ours, older, theirs] = [print(1), print(2), print(3)]
const nothing: OwnKeyFacts = {
  held: [],
  listed: [],
  missing: [],
  announcedBefore: [],
  ownKey: "create",
  durable: true,
}
const decide = (facts: Partial<OwnKeyFacts>) => ownKeyAtStart({ ...nothing, ...facts })

describe("a key is held here", () => {
  test("and listed, alone or with others: start (R47)", () => {
    const start = { action: "start", fingerprint: ours }
    expect(decide({ held: [ours], listed: [ours] })).toEqual(start)
    expect(decide({ held: [ours], listed: [theirs, ours] })).toEqual(start)
    expect(decide({ held: [ours], listed: [ours], ownKey: "require", durable: false })).toEqual(start)
  })

  test("of several listed ones the newest is used", () => {
    expect(decide({ held: [older, ours], listed: [ours, older] })).toMatchObject({ fingerprint: ours })
    expect(decide({ held: [older, ours], listed: [older] })).toEqual({ action: "start", fingerprint: older })
  })

  test("and listed, but its certificate is gone: it is published again (R28)", () => {
    expect(decide({ held: [ours], listed: [ours], missing: [ours] })).toEqual({
      action: "reannounce",
      fingerprint: ours,
      gone: "certificate",
    })
  })

  test("one whose certificate is there is preferred to a newer one whose is not", () => {
    expect(decide({ held: [older, ours], listed: [older, ours], missing: [ours] })).toEqual({
      action: "start",
      fingerprint: older,
    })
  })

  test("announced from here before, and gone from the list: merged back (R48)", () => {
    const back = { action: "reannounce", fingerprint: ours, gone: "list" }
    expect(decide({ held: [ours], announcedBefore: [ours] })).toEqual(back)
    expect(decide({ held: [ours], announcedBefore: [ours], listed: [theirs] })).toEqual(back)
    expect(decide({ held: [ours, older], announcedBefore: [ours], listed: [theirs] })).toEqual(back)
  })

  test("never announced, the list is empty: announced", () => {
    expect(decide({ held: [ours] })).toEqual({ action: "announce", fingerprint: ours })
    expect(decide({ held: [older, ours], announcedBefore: [theirs] })).toEqual({
      action: "announce",
      fingerprint: ours,
    })
  })

  test("never announced here, the list has others: refused with key announce (R47)", () => {
    const refused = decide({ held: [ours], listed: [theirs] })
    expect(refused).toMatchObject({ action: "refuse", code: "NO_USABLE_KEY", because: "not-announced" })
    expect(refused).toHaveProperty("message", expect.stringContaining("aurochs key announce"))
    expect(refused).toHaveProperty("message", expect.stringContaining(theirs))
  })
})

describe("none is held here", () => {
  test.each([[[]], [[theirs]]])("the list is not empty: refused with key import (R47)", (announced) => {
    const refused = decide({ listed: [theirs], announcedBefore: announced })
    expect(refused).toMatchObject({ action: "refuse", code: "NO_USABLE_KEY", because: "secret-not-here" })
    expect(refused).toHaveProperty(
      "message",
      expect.stringMatching(/Bring it here: aurochs key import, or aurochs key restore$/),
    )
  })

  test("a listed key whose certificate is gone is somebody's key all the same", () => {
    expect(decide({ listed: [theirs], missing: [theirs] })).toMatchObject({ because: "secret-not-here" })
  })

  test("the list is empty: one is made where that is wanted and can be kept", () => {
    expect(decide({})).toEqual({ action: "create" })
  })

  test("the list is empty, the storage forgets: refused", () => {
    const refused = decide({ durable: false })
    expect(refused).toMatchObject({ action: "refuse", code: "CONFIGURATION", field: "storage", because: "not-durable" })
  })

  test("the list is empty, a key is required: refused with key generate or key import", () => {
    const refused = decide({ ownKey: "require" })
    expect(refused).toMatchObject({ action: "refuse", code: "CONFIGURATION", field: "ownKey", because: "no-key" })
    expect(refused).toHaveProperty("message", expect.stringMatching(/aurochs key generate.*aurochs key import/))
  })

  test("one was announced from here before: made once, not twice", () => {
    expect(decide({ announcedBefore: [ours] })).toMatchObject({ action: "refuse", because: "secret-lost" })
  })
})

test("whatever the facts: only a held key is announced, and one is made only for an account without any", () => {
  const some = fc.subarray([ours, older, theirs])
  const facts = fc.record({
    held: some,
    listed: some,
    missing: some,
    announcedBefore: some,
    ownKey: fc.constantFrom("create", "require"),
    durable: fc.boolean(),
  } as const)
  fc.assert(
    fc.property(facts, (all) => {
      const one = ownKeyAtStart(all)
      if ("fingerprint" in one) expect(all.held).toContain(one.fingerprint)
      if (one.action === "start") expect(all.listed).toContain(one.fingerprint)
      if (one.action === "create") {
        expect([all.held, all.listed, all.announcedBefore, all.durable, all.ownKey]).toEqual([
          [],
          [],
          [],
          true,
          "create",
        ])
      }
    }),
  )
})
