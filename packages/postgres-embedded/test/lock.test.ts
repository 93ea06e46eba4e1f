import { spawn } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { processLock } from "../src/index.ts"

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-lock-"))
  file = join(folder, "lock")
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const MODULE = JSON.stringify(new URL("../dist/index.js", import.meta.url).href)

/** Runs a module in a process of its own; what it wrote. */
function elsewhere(program: string): Promise<string> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, file], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  let output = ""
  child.stdout.on("data", (data: Buffer) => {
    output += data
  })
  return new Promise((resolve) => child.once("close", () => resolve(output)))
}

describe("a lock of a process", () => {
  it("is held until it is given back, in this process too, and leaves no file", async () => {
    const first = await processLock(file)
    if (first.kind !== "taken") throw new Error("it was free")
    expect(await processLock(file)).toEqual({ kind: "held", pid: process.pid })
    await first[Symbol.asyncDispose]()
    const second = await processLock(file)
    if (second.kind !== "taken") throw new Error("it was free")
    // Given back again: that of the second stays.
    await first[Symbol.asyncDispose]()
    expect((await processLock(file)).kind).toBe("held")
    await second[Symbol.asyncDispose]()
    expect(await readdir(folder)).toEqual([])
  })

  it("is taken over from a killed process, from one whose pid is used again, and when it is damaged", async () => {
    await elsewhere(`
      import { processLock } from ${MODULE}
      await processLock(process.argv[1])
      process.kill(process.pid, "SIGKILL")`)
    const left = await readFile(file, "utf8")
    const reused = left.replace(/^\d+/, String(process.pid))
    for (const content of [left, reused, String(process.pid), "", "not a lock"]) {
      await writeFile(file, content)
      const lock = await processLock(file)
      if (lock.kind !== "taken") throw new Error(`held: ${content}`)
      await lock[Symbol.asyncDispose]()
    }
    await writeFile(file, left)
    // Killed while it took over.
    await writeFile(`${file}.next`, left)
    expect((await processLock(file)).kind).toBe("taken")
    expect(await readdir(folder)).toEqual(["lock"])
  })

  it("is taken over by one of many who try at once", async () => {
    await writeFile(file, "999999999 1 boot")
    // Whoever has it is alone, and then leaves a dead one's in its place, for all the others to take over.
    const program = `
      import { open, rename, rm, writeFile } from "node:fs/promises"
      import { processLock } from ${MODULE}
      const file = process.argv[1]
      const inside = file + ".inside"
      const until = Date.now() + 2500
      let taken = 0
      while (Date.now() < until) {
        if ((await processLock(file)).kind === "held") continue
        await (await open(inside, "wx")).close()
        taken++
        await rm(inside)
        const dead = file + ".dead-" + process.pid
        await writeFile(dead, "999999999 1 boot " + process.pid + "-" + taken)
        await rename(dead, file)
      }
      console.log(taken)`
    const outputs = await Promise.all(Array.from({ length: 4 }, () => elsewhere(program)))
    for (const output of outputs) expect(Number(output.trim())).toBeGreaterThan(0)
  })
})
