import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import type { SecretKey } from "@aurochs/crypto"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { sop, sopAvailable } from "../src/index.ts"
import { type Fake, gone, makeFake, type Orders } from "./fake/fake.ts"
import { first, reader, utf8 } from "./programs.ts"

let fake: Fake
let alice: SecretKey
let alicesKey: Uint8Array
let message: Uint8Array
const SLOW = 60_000

beforeAll(async () => {
  fake = await makeFake()
  alice = (await reader.generate({ userId: "xmpp:alice@example.org" })).key
  alicesKey = (await reader.secrets?.export(alice, { passphrase: "none" })) ?? new Uint8Array()
  message = await reader.signcrypt(utf8("hello"), { recipients: [alice.certificate], signWith: alice })
})
afterEach(async () => {
  // Whatever happened: no folder is left.
  expect(await fake.left()).toEqual([])
  await fake.forget()
})
afterAll(() => fake.remove())

/** Both kinds of calls, on a provider with alice's key. */
async function calls(orders: Orders, options: Parameters<Fake["provider"]>[1] = {}) {
  const p = fake.provider(orders, options)
  const key = first(await p.importSecret(alicesKey))
  const verifyWith = [alice.certificate]
  return {
    open: (signal?: AbortSignal, bytes = message) => p.open(bytes, { decryptWith: [key], verifyWith, signal }),
    seal: (signal?: AbortSignal) => p.signcrypt(utf8("x"), { recipients: verifyWith, signWith: key, signal }),
  }
}

test("secret keys: 0600 in a folder 0700 that is gone afterwards; never in arguments or environment", async () => {
  process.env.AUROCHS_TEST_ONLY = "not for the program"
  const { open, seal } = await calls({ encrypt: { exitCode: 1 }, decrypt: { exitCode: 29 } })
  await expect(open()).rejects.toMatchObject({ code: "CANNOT_DECRYPT" })
  await expect(seal()).rejects.toMatchObject({ code: "BACKEND" })
  const runs = (await fake.runs()).filter((run) => run.event === "start")
  expect(runs.map((run) => run.args[0])).toEqual(["decrypt", "encrypt"])
  for (const run of runs) {
    expect(run.folder).toBe("700")
    expect(Object.keys(run.files).length).toBeGreaterThan(0)
    expect(new Set(Object.values(run.files))).toEqual(new Set(["600"]))
    expect(run.cwd.startsWith(fake.folder)).toBe(true)
    expect(existsSync(run.cwd)).toBe(false)
    // What a shell or Node adds by itself aside.
    const added = ["FAKE_ORDERS", "PWD", "OLDPWD", "SHLVL", "_"]
    expect(
      Object.keys(run.env)
        .filter((name) => !added.includes(name))
        .sort(),
    ).toEqual(["HOME", "LC_ALL", "PATH", "TMPDIR"].sort())
    for (const argument of run.args.slice(1)) {
      const file = argument.replace(/^--[a-z-]+=/, "")
      expect(argument === "--no-armor" || file.startsWith(run.cwd)).toBe(true)
    }
  }
  delete process.env.AUROCHS_TEST_ONLY
})

describe("an aborted signal", () => {
  for (const which of ["open", "seal"] as const) {
    test(`${which}: kills the program with what it started, removes the folder, ends with ABORTED`, async () => {
      const sleeping = { sleepMs: SLOW, child: true }
      const call = await calls({ encrypt: sleeping, decrypt: sleeping })
      const controller = new AbortController()
      const result = call[which](controller.signal)
      const { pid, child = 0, cwd } = await fake.started()
      expect(existsSync(cwd)).toBe(true)
      controller.abort()
      await expect(result).rejects.toMatchObject({ code: "ABORTED" })
      expect(existsSync(cwd)).toBe(false)
      await Promise.all([gone(pid), gone(child)])
    })
  }

  test("ends a call that waits for its turn, and the others go on", async () => {
    const { open } = await calls({ decrypt: { sleepMs: 1_500, exitCode: 29 } }, { maxProcesses: 1 })
    const controller = new AbortController()
    const running = open()
    await fake.started()
    const [waiting, next] = [open(controller.signal), open()]
    controller.abort()
    const outcomes = await Promise.allSettled([running, waiting, next])
    const codes = ["CANNOT_DECRYPT", "ABORTED", "CANNOT_DECRYPT"]
    expect(outcomes).toMatchObject(codes.map((code) => ({ status: "rejected", reason: { code } })))
    expect((await fake.runs()).filter((run) => run.event === "start")).toHaveLength(2)
  })
})

test("no more runs at a time than maxProcesses, and no secret key on disk for who waits", async () => {
  const { open } = await calls({ decrypt: { sleepMs: 400, exitCode: 29 } }, { maxProcesses: 2 })
  let folders = 0
  const watch = setInterval(async () => {
    folders = Math.max(folders, (await fake.left()).length)
  }, 5)
  await Promise.allSettled([1, 2, 3, 4, 5].map(() => open()))
  clearInterval(watch)
  expect(folders).toBe(2)
  let [now, most] = [0, 0]
  const runs = await fake.runs()
  for (const { event } of runs) {
    now += event === "start" ? 1 : -1
    most = Math.max(most, now)
  }
  expect(runs).toHaveLength(10)
  expect(now).toBe(0)
  expect(most).toBeLessThanOrEqual(2)
})

test("a program that does not end is killed after timeoutMs: BACKEND", async () => {
  const { open } = await calls({ decrypt: { sleepMs: SLOW, child: true } }, { timeoutMs: 3_000 })
  await expect(open()).rejects.toMatchObject({ code: "BACKEND" })
  const { pid, child = 0 } = await fake.started()
  await Promise.all([gone(pid), gone(child)])
})

test("A16: a program that prints without end is killed: BAD_DATA with its limit", async () => {
  const { open, seal } = await calls({ encrypt: { endless: true }, decrypt: { endless: true } })
  await expect(open()).rejects.toMatchObject({ code: "BAD_DATA", details: { limit: "maxPlaintextBytes" } })
  await expect(seal()).rejects.toMatchObject({ code: "BACKEND" })
  for (const { pid } of await fake.runs()) await gone(pid)
})

test("what a program prints to standard error is in no error", async () => {
  const { open, seal } = await calls({ decrypt: { quote: true, exitCode: 1 }, encrypt: { quote: true, exitCode: 1 } })
  for (const call of [open, seal]) {
    const error = await call().catch((thrown: unknown) => thrown)
    if (!(error instanceof Error)) throw new Error("no error")
    expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain("xmpp:alice")
    expect(error.cause).toBeUndefined()
  }
})

test("a program that is not there, or is none: BACKEND that says so, and sopAvailable says why", async () => {
  const missing = { program: "/nowhere/sop", folder: fake.folder }
  const p = sop({ ...missing, certificates: reader })
  const call = p.encrypt(utf8("x"), { recipients: [alice.certificate] })
  await expect(call).rejects.toMatchObject({ code: "BACKEND", message: /there is no program "\/nowhere\/sop"/ })
  expect(await sopAvailable(missing)).toMatchObject({ usable: false, because: expect.stringContaining("no program") })
  for (const program of ["true", "false", "/etc/passwd"]) {
    expect(await sopAvailable({ ...missing, program })).toMatchObject({ usable: false })
  }
})

test("options that cannot work are CONFIGURATION at once", () => {
  const { secrets: _, ...card } = reader
  const of = (options: object) => () => sop({ program: "sqop", certificates: reader, ...options })
  expect(of({ certificates: card })).toThrow(expect.objectContaining({ details: { field: "certificates" } }))
  expect(of({ program: "" })).toThrow(expect.objectContaining({ details: { field: "program" } }))
  expect(of({ maxProcesses: 0 })).toThrow(expect.objectContaining({ details: { field: "maxProcesses" } }))
  expect(of({ timeoutMs: Number.NaN })).toThrow(expect.objectContaining({ details: { field: "timeoutMs" } }))
})

test("a process that exits in the middle of a call leaves neither folder nor program behind", async () => {
  const orders = JSON.stringify(fake.env({ decrypt: { sleepMs: SLOW } }))
  const code = `
    import { openpgpjs } from "@aurochs/crypto-openpgpjs"
    import { sop } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)}
    const certificates = openpgpjs()
    const program = ${JSON.stringify(fake.program)}
    const p = sop({ certificates, program, folder: ${JSON.stringify(fake.folder)}, env: ${orders} })
    const { key } = await p.generate({ userId: "xmpp:a@example.org" })
    const message = await certificates.encrypt(new Uint8Array(1), { recipients: [key.certificate] })
    p.open(message, { decryptWith: [key], verifyWith: [] })
    process.stdin.once("data", () => process.exit(0))
  `
  const cwd = new URL("..", import.meta.url)
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    cwd,
    stdio: ["pipe", "ignore", "inherit"],
  })
  const ended = new Promise((resolve) => child.once("close", resolve))
  const run = await fake.started()
  expect(await fake.left()).toHaveLength(1)
  child.stdin.write("exit")
  expect(await ended).toBe(0)
  expect(existsSync(run.cwd)).toBe(false)
  await gone(run.pid)
})
