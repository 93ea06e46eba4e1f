import { AurochsError, isAurochsError } from "@aurochs/core"
import { expect, test } from "vitest"
import { chooseKeys, type JudgedKey, noUsableKey } from "../src/index.ts"
import { info, juliet, known, print } from "./samples.ts"

const judged = (n: number, o: Partial<JudgedKey> = {}): JudgedKey => ({
  key: known(n),
  info: info(n),
  decision: { use: "encrypt+verify", level: "blind", because: "first-key" },
  ...o,
})

test("every key that may be encrypted to is chosen (I7, I8, R52)", () => {
  const { use, leftOut } = chooseKeys([judged(1), judged(2), judged(3)])
  expect(use).toEqual([1, 2, 3].map((n) => ({ fingerprint: print(n), bytes: known(n).bytes })))
  expect(leftOut).toEqual([])
})

test("every other one is named with its reason (I8)", () => {
  const error = new AurochsError("BAD_DATA", "no certificate", { what: "certificate" })
  const { use, leftOut } = chooseKeys(
    [
      judged(1),
      judged(2, { decision: { use: "never", level: "quarantined", because: "new-key" } }),
      judged(3, { decision: { use: "verify-only", level: "verified", because: "expired" } }),
      judged(4, { info: info(4, { canEncrypt: false }) }),
      judged(5, { error, decision: { use: "never", level: "quarantined", because: "no-user-id" } }),
    ],
    [
      { missing: print(6), because: "not-found" },
      { missing: print(1), because: "timeout" },
    ],
  )
  expect(use.map((key) => key.fingerprint)).toEqual([print(1)])
  expect(leftOut).toEqual([
    { fingerprint: print(2), because: "new-key" },
    { fingerprint: print(3), because: "expired" },
    { fingerprint: print(4), because: "cannot-encrypt" },
    { fingerprint: print(5), because: "unreadable" },
    { fingerprint: print(6), because: "not-found" },
  ])
})

test("with nobody left the error names them all (A6, I8)", () => {
  const { use, leftOut } = chooseKeys([judged(1, { info: info(1, { canEncrypt: false }) })])
  expect(use).toEqual([])
  const error = noUsableKey(juliet, leftOut)
  expect(isAurochsError(error, "NO_USABLE_KEY")).toBe(true)
  expect(error.details).toEqual({ owner: juliet, leftOut: [{ fingerprint: print(1), because: "cannot-encrypt" }] })
  expect(noUsableKey(juliet, []).message).toContain("none is announced")
})
