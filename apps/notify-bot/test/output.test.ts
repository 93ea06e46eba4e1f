import { spawn } from "node:child_process"
import { once } from "node:events"
import { text } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { built } from "./elsewhere.ts"

const PROGRAM = `
  import { standardOutput } from ${built("output.js")}
  process.stdout.on("error", () => process.exit(9))
  {
    using output = standardOutput()
    await using _database = { async [Symbol.asyncDispose]() {
      await new Promise((resolve) => setTimeout(resolve, 50))
      console.error("database stopped")
    } }
    while ((await output.line("a line")) !== "closed");
  }
  console.error("the end")`

describe("standard output", () => {
  it("that nobody reads any more ends the loop, not the process: the database is stopped", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], { stdio: ["ignore", "pipe", "pipe"] })
    const errors = text(child.stderr)
    await once(child.stdout, "data")
    child.stdout.destroy()
    const [code] = await once(child, "exit")
    expect([await errors, code]).toEqual(["database stopped\nthe end\n", 0])
  }, 10_000)
})
