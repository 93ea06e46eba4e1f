import { describe, expect, it } from "vitest"
import { identityOf, type Notification, readNotification } from "../src/alertmanager.ts"
import { notificationText } from "../src/text.ts"
import { payload } from "./payload.ts"

function read(value: unknown): Notification {
  const result = readNotification(JSON.stringify(value))
  if (result.kind === "malformed") throw new Error(result.reason)
  return result.notification
}
const bytes = (text: string) => new TextEncoder().encode(text).length

describe("Alertmanager's payload", () => {
  it("is read, fields of later versions ignored", () => {
    expect(read({ ...payload, notificationReason: "repeat" }).alerts).toHaveLength(2)
  })

  it.each([
    ["the body is no JSON", "{"],
    ["version: missing", JSON.stringify({ ...payload, version: undefined })],
    ["version", JSON.stringify({ ...payload, version: "3" })],
    ["alerts: missing", JSON.stringify({ ...payload, alerts: undefined })],
    ["alerts", JSON.stringify({ ...payload, alerts: [] })],
    [
      "alerts.0.startsAt: is no time",
      JSON.stringify({ ...payload, alerts: [{ ...payload.alerts[0], startsAt: "soon" }] }),
    ],
    ["", "null"],
    ["", "[]"],
  ])("is refused with its reason: %s", (reason, body) => {
    const result = readNotification(body)
    expect(result.kind).toBe("malformed")
    expect(result.kind === "malformed" && result.reason).toContain(reason)
  })

  it("is the same notification when repeated, another one when its status or an alert's start differs", () => {
    const first = identityOf(read(payload))
    expect(identityOf(read({ ...payload, alerts: payload.alerts.toReversed() }))).toBe(first)
    expect(identityOf(read({ ...payload, status: "resolved" }))).not.toBe(first)
    expect(identityOf(read({ ...payload, groupKey: "other" }))).not.toBe(first)
    const restarted = { ...payload.alerts[0], startsAt: "2026-11-24T02:14:33.528Z" }
    expect(identityOf(read({ ...payload, alerts: [restarted, payload.alerts[1]] }))).not.toBe(first)
  })
})

describe("the text of a notification", () => {
  it("names the group, each alert, its summary and its start", () => {
    expect(notificationText(read(payload), 100_000)).toBe(
      [
        "[FIRING:2] HighLatency",
        "▲ HighLatency {instance=web-1, severity=page}",
        "  p99 above 2 s on web-1",
        "  since 2026-11-23T02:14:33.528Z",
        "▲ HighLatency {instance=web-2, severity=page}",
        "  p99 above 2 s on web-2",
        "  since 2026-11-23T02:15:03.528Z",
        "http://alertmanager.example.org:9093",
      ].join("\n"),
    )
  })

  it("counts what does not fit: … and N more", () => {
    const many = { ...payload, truncatedAlerts: 3, alerts: Array.from({ length: 500 }, () => payload.alerts[0]) }
    const text = notificationText(read(many), 2_000)
    expect(bytes(text)).toBeLessThanOrEqual(2_000)
    const shown = text.split("▲").length - 1
    expect(shown).toBeGreaterThan(5)
    expect(text).toContain(`\n… and ${500 - shown + 3} more\n`)
  })

  it("cuts a single alert that is too long, between characters", () => {
    const [alert] = payload.alerts
    const giant = { ...payload, alerts: [{ ...alert, annotations: { summary: "ä☃😀".repeat(50_000) } }] }
    const text = notificationText(read(giant), 1_000)
    expect(bytes(text)).toBeLessThanOrEqual(1_000)
    expect(text).toContain("…")
    expect(text).not.toContain("\ufffd")
    expect(text.endsWith("http://alertmanager.example.org:9093")).toBe(true)
  })
})
