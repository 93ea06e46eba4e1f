import { spawn } from "node:child_process"
import { once } from "node:events"
import { expect, test } from "vitest"
import { soleUser } from "../src/index.ts"
import { serverOfFile } from "./support/server.ts"

const account = "bot@ox.test"
const server = serverOfFile("empty")

test("one process at a time works alone for an account, others for other accounts and namespaces", async () => {
  const url = await server.it.database("sole")
  const first = await soleUser({ url, account })
  expect(first).toBeDefined()
  expect(await soleUser({ url, account })).toBeUndefined()
  await using other = await soleUser({ url, account: "other@ox.test" })
  await using elsewhere = await soleUser({ url, account, namespace: "elsewhere" })
  expect([other, elsewhere]).not.toContain(undefined)
  await first?.[Symbol.asyncDispose]()
  await using next = await soleUser({ url, account })
  expect(next).toBeDefined()
})

test("a kill -9 ends it at once", async () => {
  const url = await server.it.database("sole_killed")
  const script = `const { soleUser } = await import(${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)})
    await soleUser({ url: process.env.TEST_URL, account: "bot@ox.test" })
    console.log("sole")
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, TEST_URL: url },
    stdio: ["ignore", "pipe", "inherit"],
  })
  await once(child.stdout, "data")
  expect(await soleUser({ url, account })).toBeUndefined()
  child.kill("SIGKILL")
  await once(child, "exit")
  await expect.poll(async () => (await soleUser({ url, account })) !== undefined, { timeout: 5_000 }).toBe(true)
})

test("a database that is away is STORAGE", async () => {
  await expect(soleUser({ url: "postgres://nobody@127.0.0.1:1/none", account })).rejects.toMatchObject({
    code: "STORAGE",
  })
})
