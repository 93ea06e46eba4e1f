import { execFile, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { promisify } from "node:util"
import { AurochsError } from "@aurochs/core"
import { afterEach, beforeEach, expect, test, vi } from "vitest"

// Written so that this file itself is no find.
const PASSPHRASE = ["correct", "horse"].join(" ")
let said: string[]
beforeEach(() => {
  said = []
  vi.spyOn(console, "error").mockImplementation((text: unknown) => {
    said.push(String(text))
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

const write = (stream: "stdout" | "stderr", text: string) => ["-e", `process.${stream}.write(${JSON.stringify(text)})`]

test("what a program writes to standard error is looked at, however it was started and whoever reads it", async () => {
  const halves = [
    "-e",
    `process.stderr.write("wrong: corr"); setTimeout(() => process.stderr.write("ect horse\\n"), 50)`,
  ]
  const child = spawn(process.execPath, halves)
  let read = ""
  child.stderr.on("data", (data: Buffer) => {
    read += data
  })
  await once(child, "close")
  expect([read, said]).toEqual([`wrong: ${PASSPHRASE}\n`, [expect.stringContaining(`wrong: ${PASSPHRASE}`)]])
  await promisify(execFile)(process.execPath, write("stderr", `no ${PASSPHRASE}`))
  expect(said).toHaveLength(2)
  const sync = spawnSync(process.execPath, write("stderr", `never ${PASSPHRASE}`), { encoding: "utf8" })
  expect([sync.stderr, said.length]).toEqual([`never ${PASSPHRASE}`, 3])
})

test("of standard output only logs: what was asked for may be a secret", async () => {
  await promisify(execFile)(process.execPath, write("stdout", `${PASSPHRASE}\n{"code":"${PASSPHRASE}"}\n`))
  expect(said).toEqual([])
  await promisify(execFile)(process.execPath, write("stdout", `{"level":30,"msg":"${PASSPHRASE}"}\n`))
  expect(said).toHaveLength(1)
})

test("the text of every error is looked at, also of one that is caught", () => {
  const make = () => new AurochsError("CANNOT_DECRYPT", `it is not ${PASSPHRASE}`, { because: "bad-passphrase" })
  expect(make().message).toContain(PASSPHRASE)
  expect(() => {
    throw new TypeError("harmless")
  }).toThrow(TypeError)
  expect(make()).toBeInstanceOf(Error)
  expect(said).toHaveLength(2)
})
