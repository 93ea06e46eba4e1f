import * as v from "valibot"

const labels = v.record(v.string(), v.string())
const time = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text)), "is no time"),
)

const alert = v.object({
  status: v.picklist(["firing", "resolved"]),
  labels,
  annotations: v.optional(labels, {}),
  startsAt: time,
  endsAt: v.optional(v.string()),
  generatorURL: v.optional(v.string()),
})

const notification = v.object({
  version: v.literal("4"),
  groupKey: v.pipe(v.string(), v.nonEmpty("must not be empty")),
  truncatedAlerts: v.optional(v.number(), 0),
  status: v.picklist(["firing", "resolved"]),
  receiver: v.optional(v.string(), ""),
  groupLabels: v.optional(labels, {}),
  commonLabels: v.optional(labels, {}),
  commonAnnotations: v.optional(labels, {}),
  externalURL: v.optional(v.string(), ""),
  alerts: v.pipe(v.array(alert), v.minLength(1, "must not be empty"), v.maxLength(10_000)),
})

/** One alert of a notification. */
export type Alert = v.InferOutput<typeof alert>

/** What Alertmanager posts to a webhook receiver, version 4. */
export type Notification = v.InferOutput<typeof notification>

/** The notification in a posted body, or why it is none. */
export type ReadNotification =
  | { readonly kind: "notification"; readonly notification: Notification }
  | { readonly kind: "malformed"; readonly reason: string }

/** Reads a webhook's body. Fields that Alertmanager adds later are ignored. */
export function readNotification(body: string): ReadNotification {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return { kind: "malformed", reason: "the body is no JSON" }
  }
  const result = v.safeParse(notification, json)
  if (result.success) return { kind: "notification", notification: result.output }
  const [issue] = result.issues
  const where = v.getDotPath(issue)
  const what = issue.received === "undefined" ? "missing" : issue.message
  return {
    kind: "malformed",
    reason: where ? `${where}: ${what}` : "the body is no Alertmanager notification (version 4)",
  }
}

/**
 * What makes a notification the same as another one: group, status and when its alerts began. Alertmanager repeats a
 * notification until it is resolved; each repeat gives the same text here.
 */
export function identityOf(value: Notification): string {
  const starts = value.alerts.map((one) => `${one.status} ${new Date(one.startsAt).toISOString()}`).sort()
  return JSON.stringify([value.groupKey, value.status, starts])
}
