import { AurochsError } from "@aurochs/core"
import { describe, expect, it } from "vitest"
import type { Notification } from "../src/alertmanager.ts"
import { type WebhookOptions, webhook } from "../src/webhook.ts"
import { payload } from "./payload.ts"

const token = "0123456789abcdef0123456789abcdef"

function app(options: Partial<WebhookOptions> = {}) {
  const accepted: Notification[] = []
  const hono = webhook({
    token,
    maxBodyBytes: 10_000,
    accept: async (notification) => {
      accepted.push(notification)
      return { queued: 1 }
    },
    health: async () => ({ healthy: true, connected: false }),
    onError: () => {},
    ...options,
  })
  const post = (body: string, authorization: string | undefined = `Bearer ${token}`) =>
    hono.request("/alertmanager", { method: "POST", body, headers: authorization ? { authorization } : {} })
  return { hono, accepted, post }
}

describe("the webhook", () => {
  it("accepts a notification with the right token", async () => {
    const { post, accepted } = app()
    const response = await post(JSON.stringify(payload))
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ queued: 1 })
    expect(accepted).toHaveLength(1)
  })

  it.each([
    ["none", ""],
    ["a wrong one", `Bearer ${token.replace("0", "1")}`],
    ["a prefix", `Bearer ${token.slice(0, -1)}`],
    ["another scheme", `Basic ${token}`],
  ])("A34: answers 401 to a token that is %s, before it reads the body", async (_name, authorization) => {
    const { post, accepted } = app()
    const response = await post("x".repeat(50_000), authorization)
    expect(response.status).toBe(401)
    expect(accepted).toEqual([])
  })

  it("answers 400 with the reason to what is no notification", async () => {
    const { post, accepted } = app()
    const response = await post("{")
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: "the body is no JSON" })
    expect(accepted).toEqual([])
  })

  it("A34: answers 413 to a body that is too large", async () => {
    const { post } = app()
    expect((await post(JSON.stringify({ ...payload, padding: "x".repeat(20_000) }))).status).toBe(413)
  })

  it("answers 503 when it cannot be stored, so that Alertmanager tries again", async () => {
    const { post } = app({
      accept: async () => {
        throw new AurochsError("STORAGE", "away", { operation: "enqueue" })
      },
    })
    const response = await post(JSON.stringify(payload))
    expect(response.status).toBe(503)
    expect(response.headers.get("retry-after")).toBe("5")
  })

  it("tells its health without a token", async () => {
    const { hono } = app()
    const response = await hono.request("/healthz")
    expect([response.status, await response.json()]).toEqual([200, { healthy: true, connected: false }])
    const sick = app({ health: async () => ({ healthy: false }) })
    expect((await sick.hono.request("/healthz")).status).toBe(503)
  })

  it("answers 404 elsewhere", async () => {
    expect((await app().hono.request("/")).status).toBe(404)
  })
})
