import { randomUUID } from "node:crypto"
import { describeStorage } from "@aurochs/conformance"
import { afterAll, beforeAll } from "vitest"
import { migrate, postgresStorage } from "../src/index.ts"
import { type TestServer, testServer } from "./support/server.ts"

let server: TestServer

beforeAll(async () => {
  server = await testServer()
  await migrate({ url: server.url })
}, 60_000)

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
}, 60_000)

describeStorage("postgres", async () => {
  // Each case has data of its own in the one database.
  const namespace = randomUUID()
  return {
    open: () => postgresStorage({ url: server.url, namespace, maxConnections: 4 }),
    dispose: async () => {},
  }
})
