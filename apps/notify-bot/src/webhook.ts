import { createHash, timingSafeEqual } from "node:crypto"
import { isAurochsError } from "@aurochs/core"
import { Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { type Notification, readNotification } from "./alertmanager.ts"

/** What the webhook needs from the bot behind it. */
export interface WebhookOptions {
  readonly token: string
  readonly maxBodyBytes: number
  /**
   * Queues the notification for every recipient, all or none; durable when it resolves.
   *
   * @throws {AurochsError} `STORAGE`: nothing was accepted
   */
  accept(notification: Notification, options: { readonly signal: AbortSignal }): Promise<{ readonly queued: number }>
  /** For `/healthz`. */
  health(): Promise<{ readonly healthy: boolean } & Readonly<Record<string, unknown>>>
  onError(error: unknown): void
}

/** `POST /alertmanager` and `GET /healthz`. 2xx is said only of what is durably queued. */
export function webhook(options: WebhookOptions): Hono {
  const expected = digest(options.token)
  const app = new Hono()
  app.get("/healthz", async (c) => {
    const health = await options.health()
    return c.json(health, health.healthy ? 200 : 503)
  })
  app.use("/alertmanager", async (c, next) => {
    const [scheme, token] = (c.req.header("authorization") ?? "").split(" ")
    // Digests have one length: neither the length nor the first difference shows in the time.
    if (scheme?.toLowerCase() !== "bearer" || !timingSafeEqual(digest(token ?? ""), expected)) {
      return c.json({ error: "a bearer token is needed, and it must be the right one" }, 401, {
        "www-authenticate": "Bearer",
      })
    }
    return next()
  })
  app.use(
    "/alertmanager",
    bodyLimit({
      maxSize: options.maxBodyBytes,
      onError: (c) => c.json({ error: `the body is larger than ${options.maxBodyBytes} bytes` }, 413),
    }),
  )
  app.post("/alertmanager", async (c) => {
    const read = readNotification(await c.req.text())
    if (read.kind === "malformed") return c.json({ error: read.reason }, 400)
    return c.json(await options.accept(read.notification, { signal: c.req.raw.signal }))
  })
  app.notFound((c) => c.json({ error: "there is only POST /alertmanager and GET /healthz" }, 404))
  app.onError((error, c) => {
    options.onError(error)
    // Alertmanager tries again after 5xx: what could not be stored is not lost.
    const status = isAurochsError(error, "STORAGE") || isAurochsError(error, "ABORTED") ? 503 : 500
    return c.json({ error: status === 503 ? "it cannot be stored now, try again" : "unexpected" }, status, {
      "retry-after": "5",
    })
  })
  return app
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest()
}
