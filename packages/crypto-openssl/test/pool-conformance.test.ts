import { describeCryptoProvider } from "@aurochs/conformance"
import { afterAll } from "vitest"
import { pool } from "../src/pool/index.ts"

const engine = new URL("./pool-engine.ts", import.meta.url)
const shared = pool({ engine, workers: 2 })
afterAll(async () => (await shared)[Symbol.asyncDispose]())

// One pool for all cases, which each would end it: threads are not started in no time.
describeCryptoProvider("openssl in a pool of two", async () => {
  const { [Symbol.asyncDispose]: _, ...provider } = await shared
  return provider
})
