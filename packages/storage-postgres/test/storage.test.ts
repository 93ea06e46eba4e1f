import { randomUUID } from "node:crypto"
import { describeStorage } from "@aurochs/conformance"
import { postgresStorage } from "../src/index.ts"
import { serverOfFile } from "./support/server.ts"

const server = serverOfFile()

describeStorage("postgres", async () => {
  // Each case has data of its own in the one database.
  const namespace = randomUUID()
  return {
    open: () => postgresStorage({ url: server.it.url, namespace, maxConnections: 4 }),
    dispose: async () => {},
  }
})
