import { fingerprint, type TrustDecision, type TrustLevel } from "@aurochs/core"
import type { Incoming, Secure } from "@aurochs/message"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Allow, reachesLevel } from "../src/allow.ts"
import { addCommand, createRegistry, type Handling, handle, type Registry } from "../src/handlers.ts"
import { runMiddleware } from "../src/middleware.ts"
import { readCommand, splitWords } from "../src/words.ts"
import { keepingLogger } from "./setup.ts"

const signer = fingerprint("AB".repeat(20))
const blind: TrustDecision = { use: "encrypt+verify", level: "blind", because: "first-key" }

const secure: Secure = {
  kind: "secure",
  account: "bot@example.org",
  peer: "juliet@example.org",
  direction: "in",
  via: "live",
  stanzaId: "1",
  notes: [],
  body: "hello",
  payload: [],
  signedBy: signer,
  writtenAt: new Date(0),
  trust: blind,
}

async function run(registry: Registry, message: Incoming, given: Partial<Handling> = {}) {
  const log = keepingLogger()
  const replies: string[] = []
  const refused: string[] = []
  await handle(registry, {
    message,
    archiveId: "1",
    ageMs: 0,
    encryption: "require",
    prefix: "!",
    log,
    warn: log.warn,
    signal: new AbortController().signal,
    reply: async (body) => {
      replies.push(body)
      return { kind: "queued", id: "1" }
    },
    onRefused: async (command, because) => {
      refused.push(`${command}: ${because}`)
    },
    ...given,
  })
  return { log, replies, refused }
}

function registryWith(commands: Record<string, { allow?: Allow; maxAgeMs?: number }>) {
  const registry = createRegistry()
  const ran: string[] = []
  const note = (text: string) => void ran.push(text)
  for (const [name, options] of Object.entries(commands)) {
    addCommand(registry, name, options, (ctx: { args: readonly string[] }) => note(`${name}(${ctx.args.join("|")})`))
  }
  registry.texts.push((ctx) => note(`text(${(ctx as { message: Secure }).message.body})`))
  for (const kind of ["secure", "unverified", "rejected", "plaintext"] as const) {
    registry.observers.set(kind, [() => note(`observed ${kind}`)])
  }
  return { registry, ran }
}

describe("who gets a message", () => {
  test("A31, A12: what another client of this account sent is only observed", async () => {
    const { registry, ran } = registryWith({ go: {} })
    await run(registry, { ...secure, direction: "out", body: "!go" })
    expect(ran).toEqual(["observed secure"])
  })

  test("A30: what is not secure is only observed", async () => {
    const { registry, ran } = registryWith({ go: {} })
    const { kind: _, body: __, payload: ___, signedBy: ____, writtenAt: _____, trust: ______, ...base } = secure
    await run(registry, { ...base, kind: "rejected", check: "signature" })
    await run(registry, { ...base, kind: "unverified", reason: "unknown-key" })
    await run(registry, { ...base, kind: "plaintext", body: "!go" })
    expect(ran).toEqual(["observed rejected", "observed unverified", "observed plaintext"])
  })

  test("I5: a message without a body reaches no text handler", async () => {
    const { registry, ran } = registryWith({})
    await run(registry, { ...secure, body: undefined })
    expect(ran).toEqual(["observed secure"])
  })

  test("a command goes to its handler, an unknown one is a text", async () => {
    const { registry, ran } = registryWith({ go: {} })
    await run(registry, { ...secure, body: `  !Go a "b c" 'd'` })
    await run(registry, { ...secure, body: "!gone" })
    await run(registry, { ...secure, body: "go" })
    expect(ran.filter((line) => !line.startsWith("observed"))).toEqual(["go(a|b c|d)", "text(!gone)", "text(go)"])
  })
})

describe("commands", () => {
  test("R20, A2: a command that is too old is refused, without an answer", async () => {
    const { registry, ran } = registryWith({ go: {}, slow: { maxAgeMs: 5_000_000 } })
    const { replies, refused } = await run(registry, { ...secure, body: "!go" }, { ageMs: 600_001 })
    await run(registry, { ...secure, body: "!go" }, { ageMs: 600_000 })
    await run(registry, { ...secure, body: "!slow" }, { ageMs: 600_001 })
    expect(ran.filter((line) => !line.startsWith("observed"))).toEqual(["go()", "slow()"])
    expect([replies, refused]).toEqual([[], ["go: too-old"]])
  })

  test('A32: `allow: { level: "verified" }` never runs on a blind key', async () => {
    const { registry, ran } = registryWith({ go: { allow: { level: "verified" } } })
    const { refused, replies } = await run(registry, { ...secure, body: "!go" })
    expect([ran, refused, replies]).toEqual([["observed secure"], ["go: level"], []])
    const verified = { ...blind, level: "verified", because: "by-hand" } as const
    await run(registry, { ...secure, body: "!go", trust: verified })
    expect(ran).toContain("go()")
  })

  test("levels: better ones reach, quarantined and distrusted ones never do", () => {
    const levels: TrustLevel[] = ["verified", "introduced", "first-use", "blind"]
    for (const [rank, held] of levels.entries()) {
      for (const [needed, level] of levels.entries()) {
        expect(reachesLevel({ ...blind, level: held }, level)).toBe(rank <= needed)
      }
    }
    for (const held of ["quarantined", "distrusted"] as const) {
      for (const needed of [...levels, "quarantined", "distrusted"] as const) {
        expect(reachesLevel({ ...blind, level: held }, needed)).toBe(false)
      }
    }
    expect(reachesLevel({ ...blind, level: "verified", use: "never" }, "blind")).toBe(false)
  })

  test.each<[string, Allow, boolean]>([
    ["the fingerprint that signed", { fingerprints: ["ab ".repeat(20)] }, true],
    ["another fingerprint", { fingerprints: ["CD".repeat(20)] }, false],
    ["no fingerprint", { fingerprints: [] }, false],
    ["the account, however it is written", { jids: ["Juliet@EXAMPLE.org"] }, true],
    ["another account", { jids: ["juliet@example.org.evil"] }, false],
    ["a function", async () => true, true],
    ["a function that says no", () => false, false],
    ["a function that returns something else", () => "yes" as never, false],
  ])("allow: %s", async (_title, allow, isAllowed) => {
    const { registry, ran } = registryWith({ go: { allow } })
    await run(registry, { ...secure, body: "!go" })
    expect(ran.includes("go()")).toBe(isAllowed)
  })

  test("allow: a function that throws refuses, and the boundary hears of it", async () => {
    const failing = () => {
      throw new Error("no answer")
    }
    const { registry, ran } = registryWith({ go: { allow: failing } })
    const { log } = await run(registry, { ...secure, body: "!go" })
    expect(ran).toEqual(["observed secure"])
    expect(log.lines.map(({ message }) => message)).toContain("a handler failed")
  })
})

describe("error boundary", () => {
  test("a handler that throws is logged without its text, and the next one runs", async () => {
    const { registry, ran } = registryWith({})
    registry.texts.unshift(() => {
      throw new TypeError("secret: hello")
    })
    const { log } = await run(registry, secure)
    expect(ran).toContain("text(hello)")
    const [line] = log.lines.filter(({ level }) => level === "error")
    expect(line).toMatchObject({ message: "a handler failed", fields: { error: "TypeError", peer: secure.peer } })
    expect(JSON.stringify(line)).not.toContain("secret")
    expect(JSON.stringify(line)).toContain("handlers.test.ts")
  })

  test("one's own boundary gets the error; if it throws, too, that is logged", async () => {
    const { registry } = registryWith({})
    const caught: unknown[] = []
    registry.boundary = (error) => {
      caught.push(error)
      throw new Error("again")
    }
    registry.texts.push(() => Promise.reject(new RangeError("x")))
    const { log } = await run(registry, secure)
    expect(caught).toEqual([expect.any(RangeError)])
    expect(log.lines.map(({ message }) => message)).toEqual(["the error boundary failed"])
  })

  test("after the time to stop a throwing handler leaves its message unhandled", async () => {
    const { registry } = registryWith({})
    const stopped = new AbortController()
    registry.texts.push(() => {
      stopped.abort()
      throw new Error("interrupted")
    })
    await expect(run(registry, secure, { signal: stopped.signal })).rejects.toMatchObject({ code: "ABORTED" })
  })
})

describe("middleware", () => {
  test("runs in order around the handlers; what it adds is seen behind it, the message cannot be replaced", async () => {
    const { registry, ran } = registryWith({})
    const seen: unknown[] = []
    registry.middleware.push(
      async (_ctx, next) => {
        ran.push("a in")
        await next({ role: "admin", message: "another" })
        ran.push("a out")
      },
      async (ctx, next) => {
        seen.push(ctx)
        await next({ count: 1 })
      },
    )
    registry.texts.push((ctx) => void seen.push(ctx))
    await run(registry, secure)
    expect(ran).toEqual(["a in", "observed secure", "text(hello)", "a out"])
    expect(seen).toMatchObject([
      { role: "admin", message: secure },
      { role: "admin", count: 1, message: secure },
    ])
    expect(seen.every((ctx) => Object.isFrozen(ctx))).toBe(true)
  })

  test("without next the message stops there; next twice is an error", async () => {
    const { registry, ran } = registryWith({})
    registry.middleware.push(async () => {})
    await run(registry, secure)
    expect(ran).toEqual([])
    const twice = async (_ctx: object, next: () => Promise<void>) => {
      await next()
      await next()
    }
    await expect(runMiddleware([twice], {}, async () => {})).rejects.toThrow("twice")
  })

  test("handlers that a middleware did not wait for are waited for all the same", async () => {
    let isDone = false
    const careless = async (_ctx: object, next: () => Promise<void>) => void next()
    await runMiddleware([careless], {}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      isDone = true
    })
    expect(isDone).toBe(true)
  })
})

describe("words", () => {
  test("splits at white space, keeps quoted words together", () => {
    expect(splitWords(`a  "b c"\t'd "e"' f"g "h`)).toEqual(["a", "b c", 'd "e"', 'f"g', '"h'])
    expect(readCommand("!a\nb", "!")).toEqual({ name: "a", args: ["b"] })
    expect(readCommand("! a", "!")).toBeUndefined()
    expect(readCommand("a", "!")).toBeUndefined()
  })

  test("A31: no text makes it throw or take long, and nothing is lost but white space and quotes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const strip = (value: string) => value.replace(/[\s"']/gu, "")
        expect(strip(splitWords(text).join(" "))).toBe(strip(text))
      }),
    )
    const started = process.cpuUsage()
    expect(splitWords(`"${" ".repeat(200_000)}`).length).toBeLessThan(10)
    expect(splitWords(`"a`.repeat(100_000)).length).toBeLessThanOrEqual(1000)
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000)
  })
})
