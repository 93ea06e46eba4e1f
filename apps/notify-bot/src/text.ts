import type { Alert, Notification } from "./alertmanager.ts"

/** What XML cannot carry, and the other controls: they would steer the terminal that shows the text. */
const UNPRINTABLE = /[\p{Cc}\ufffe\uffff]/gu

/**
 * A notification as a chat message: one headline, then one paragraph for each alert. What does not fit is counted:
 * "… and N more". A character that a message cannot carry becomes U+FFFD.
 *
 * @param maxBytes of the whole text as XML, in UTF-8: `&lt;` is four
 */
export function notificationText(notification: Notification, maxBytes: number): string {
  const { alerts } = notification
  const lines = [headline(notification)]
  const tail = notification.externalURL ? printable(`\n${notification.externalURL}`) : ""
  let used = bytes(lines[0] ?? "") + bytes(tail)
  // Room for the line that counts the rest, whatever the number.
  const reserve = bytes("\n… and 1000000 more")
  let shown = 0
  for (const alert of alerts) {
    let text = paragraph(alert, notification)
    const room = maxBytes - used - reserve - 1
    // The first one is cut rather than left out: a message without any alert tells nothing.
    if (bytes(text) > room && shown === 0) text = cut(text, room)
    if (bytes(text) > room || text === "") break
    lines.push(text)
    used += bytes(text) + 1
    shown++
  }
  const more = alerts.length - shown + notification.truncatedAlerts
  if (more > 0) lines.push(`… and ${more} more`)
  return cut(lines.join("\n") + tail, maxBytes)
}

function headline({ status, alerts, groupLabels, commonLabels }: Notification): string {
  const name = groupLabels.alertname ?? commonLabels.alertname ?? "alerts"
  const firing = alerts.filter((alert) => alert.status === "firing").length
  const count = status === "firing" ? `FIRING:${firing}` : "RESOLVED"
  const others = labelList(groupLabels, ["alertname"])
  return cut(printable(`[${count}] ${name}${others ? ` (${others})` : ""}`), 400)
}

function paragraph(alert: Alert, { groupLabels, commonLabels }: Notification): string {
  const mark = alert.status === "firing" ? "▲" : "✓"
  const known = Object.keys(groupLabels)
  const name = alert.labels.alertname ?? commonLabels.alertname ?? "alert"
  const labels = labelList(alert.labels, ["alertname", ...known])
  const { summary, description, message } = alert.annotations
  const words = [summary, description ?? message].filter((text): text is string => Boolean(text))
  const since =
    alert.status === "firing" ? `since ${alert.startsAt}` : `from ${alert.startsAt} to ${alert.endsAt ?? "now"}`
  return printable([`${mark} ${name}${labels ? ` {${labels}}` : ""}`, ...words, since].join("\n  "))
}

function labelList(labels: Readonly<Record<string, string>>, without: readonly string[]): string {
  return Object.entries(labels)
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `${name}=${value}`)
    .join(", ")
}

function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(UNPRINTABLE, (character) => (character === "\n" || character === "\t" ? character : "\ufffd"))
}

/** Length as XML text in UTF-8. */
function bytes(text: string): number {
  let sum = 0
  for (const character of text) sum += bytesOf(character)
  return sum
}

function bytesOf(character: string): number {
  if (character === "&") return 5
  if (character === "<" || character === ">") return 4
  const code = character.codePointAt(0) ?? 0
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code < 0x10000 ? 3 : 4
}

/** At most this many bytes, whole characters, with an ellipsis where something was cut off. */
function cut(text: string, maxBytes: number): string {
  const room = maxBytes - bytesOf("…")
  let used = 0
  let length = 0
  let kept = 0
  for (const character of text) {
    used += bytesOf(character)
    if (used > maxBytes) return room < 0 ? "" : `${text.slice(0, kept)}…`
    length += character.length
    if (used <= room) kept = length
  }
  return text
}
