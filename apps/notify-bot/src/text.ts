import type { Alert, Notification } from "./alertmanager.ts"

const utf8 = new TextEncoder()

/**
 * A notification as a chat message: one headline, then one paragraph for each alert. What does not fit is counted:
 * "… and N more".
 *
 * @param maxBytes of the whole text in UTF-8
 */
export function notificationText(notification: Notification, maxBytes: number): string {
  const { alerts } = notification
  const lines = [headline(notification)]
  const tail = notification.externalURL ? `\n${notification.externalURL}` : ""
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
  return cut(`[${count}] ${name}${others ? ` (${others})` : ""}`, 400)
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
  return [`${mark} ${name}${labels ? ` {${labels}}` : ""}`, ...words, since].join("\n  ")
}

function labelList(labels: Readonly<Record<string, string>>, without: readonly string[]): string {
  return Object.entries(labels)
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `${name}=${value}`)
    .join(", ")
}

function bytes(text: string): number {
  return utf8.encode(text).length
}

/** At most this many bytes, whole characters, with an ellipsis where something was cut off. */
function cut(text: string, maxBytes: number): string {
  if (bytes(text) <= maxBytes) return text
  if (maxBytes < 3) return ""
  const kept = new TextDecoder().decode(utf8.encode(text).subarray(0, maxBytes - 3))
  return `${kept.replace(/\ufffd$/, "")}…`
}
