import { bareJid } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import { findUserId, userIdOf } from "../src/index.ts"
import { info, juliet, userIds } from "./samples.ts"

const matches = (text: string, jid = juliet) => findUserId({ userIds: userIds(text) }, jid) !== undefined

test("the User ID that is written is found again (R53)", () => {
  expect(userIdOf(juliet)).toBe("xmpp:juliet@example.org")
  expect(matches(userIdOf(juliet))).toBe(true)
})

test.each([
  ["xmpp:Juliet@EXAMPLE.org", "juliet@example.org"],
  ["xmpp:juliet@bücher.example", "juliet@xn--bcher-kva.example"],
  ["xmpp:ju\u0301liet@example.org", "j\u00faliet@example.org"],
])("%s names %s: compared after RFC 7622 preparation (R17, R51)", (text, jid) => {
  expect(matches(text, bareJid(jid))).toBe(true)
})

describe("another account's or no address (A4, R17)", () => {
  test.each([
    "xmpp:juliet@example.org.evil",
    "xmpp:juliet@example.org/balcony",
    "xmpp:romeo@example.org",
    "xmpp:juliet@example.org ",
    " xmpp:juliet@example.org",
    "Juliet <xmpp:juliet@example.org>",
    "mailto:juliet@example.org",
    "juliet@example.org",
    "xmpp:juliet@example.org\u0000",
    "xmpp:juliet@evil@example.org",
    "xmpp:xmpp:juliet@example.org",
    "xmpp:example.org",
    "xmpp:",
    "",
  ])("%j", (text) => {
    expect(matches(text)).toBe(false)
  })
})

test.each(["revoked", "expired", "unsigned"] as const)("a User ID that is %s does not count (A4, R17)", (status) => {
  const grafted = info(1, { userIds: [...userIds(userIdOf(juliet), status), ...userIds("xmpp:romeo@example.org")] })
  expect(findUserId(grafted, juliet)).toBeUndefined()
  expect(findUserId(grafted, juliet, [status])?.status).toBe(status)
})
