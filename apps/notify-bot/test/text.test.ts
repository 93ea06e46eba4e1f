import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Notification, readNotification } from "../src/alertmanager.ts"
import { notificationText } from "../src/text.ts"
import { payload } from "./payload.ts"

const [first] = payload.alerts

/** As it is posted, with this text wherever a text may stand. */
function posted(text: string): Notification {
  const read = readNotification(
    JSON.stringify({
      ...payload,
      groupLabels: { alertname: text, group: text },
      externalURL: text,
      alerts: [
        { ...first, labels: { alertname: text, instance: text }, annotations: { summary: text, description: text } },
        { ...first, status: "resolved", endsAt: text, annotations: { message: text } },
      ],
    }),
  )
  if (read.kind === "malformed") throw new Error(read.reason)
  return read.notification
}

/** The most that any writer of XML makes of it. */
function asXml(text: string): number {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
  return new TextEncoder().encode(escaped).length
}

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.string({
    unit: fc.constantFrom("<", "&", ">", "\u0000", "\u001b", "\ud800", "\udc00", "\r", "\n", "😀"),
    maxLength: 900,
  }),
)

describe("the text of a notification", () => {
  it("carries only what XML can, whatever labels and annotations hold, and never more bytes than allowed", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 500, max: 3000 }), (text, maxBytes) => {
        const body = notificationText(posted(text), maxBytes)
        expect(body).not.toMatch(/[^\t\n\u{20}-\u{7e}\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u)
        expect(asXml(body)).toBeLessThanOrEqual(maxBytes)
      }),
    )
  })

  it("replaces controls and half characters, and keeps lines, tabs and whole characters", () => {
    const body = notificationText(posted("a\u001b[31m\u0000b\ud83dc\td\r\ne 😀"), 100_000)
    expect(body).toContain("a\ufffd[31m\ufffdb\ufffdc\td\ne 😀")
  })

  it("is cut where it would be too long as XML: `<` is four bytes of it", () => {
    const body = notificationText(posted("<".repeat(100_000)), 100_000)
    expect(asXml(body)).toBeLessThanOrEqual(100_000)
    expect(asXml(body)).toBeGreaterThan(90_000)
    expect(body).toContain("…")
  })
})
