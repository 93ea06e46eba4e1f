import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AurochsError, fingerprint } from "@aurochs/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { exitCodeOf, explain, readSecret, UsageError } from "../src/index.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-kit-"))
})
afterAll(() => rm(folder, { recursive: true }))

describe("exit codes and messages", () => {
  it.each([
    [2, new UsageError("x")],
    [2, new AurochsError("CONFIGURATION", "x", { field: "y" })],
    [3, new AurochsError("CANNOT_DECRYPT", "x", { because: "damaged" })],
    [4, new AurochsError("NO_USABLE_KEY", "x", { owner: "a@b", leftOut: [] })],
    [5, new AurochsError("NETWORK", "x", { phase: "connect" })],
    [5, new AurochsError("AUTHENTICATION", "x", {})],
    [6, new AurochsError("STORAGE", "x", { operation: "open" })],
    [1, new Error("x")],
  ])("%i for %o", (code, error) => {
    expect(exitCodeOf(error)).toBe(code)
  })

  it("says what to do next, and never a stack", () => {
    const text = explain(new AurochsError("NETWORK", "the server cannot be reached", { phase: "connect" }))
    expect(text).toBe("the server cannot be reached. Is the server running, and is its address right?")
    const leftOut = [{ fingerprint: "A".repeat(40), because: "expired" }]
    expect(explain(new AurochsError("NO_USABLE_KEY", "none", { owner: "a@b", leftOut }))).toContain(
      `${"A".repeat(40)}: expired`,
    )
  })
})

describe("advice about TLS", () => {
  const about = (message: string) => explain(new AurochsError("NETWORK", message, { phase: "tls" }))

  it("names an authority of one's own only if the certificate was refused", () => {
    const refused = about("the server's certificate is not acceptable for example.org: SELF_SIGNED_CERT_IN_CHAIN")
    expect(refused).toContain("NODE_EXTRA_CA_CERTS")
    expect(about("TLS could not be negotiated")).toMatch(/speak TLS at this address/)
  })

  it.each(["the connection would not be encrypted: nothing was sent", "the server refused STARTTLS"])(
    "says what the server must offer: %s",
    (message) => {
      const text = about(message)
      expect(text).toContain("The server must offer TLS (STARTTLS, xmpps:// or wss://).")
      expect(text.match(/nothing was sent/gi)).toHaveLength(1)
      expect(text).not.toContain("NODE_EXTRA_CA_CERTS")
    },
  )

  it("names no option: each program has its own", () => {
    const errors = [
      new AurochsError("NETWORK", "away", { phase: "connect" }),
      new AurochsError("KEY_LOCKED", "locked", { fingerprint: fingerprint("A".repeat(40)) }),
    ]
    for (const error of errors) expect(explain(error)).not.toContain("--")
  })
})

describe("secrets", () => {
  const source = { what: "password", variable: "AUROCHS_TEST_SECRET", prompt: false }

  it("come from a file, a command or the environment, one newline cut off", async () => {
    await writeFile(join(folder, "pw"), " with spaces \n")
    expect(await readSecret({ ...source, file: join(folder, "pw") })).toBe(" with spaces ")
    expect(await readSecret({ ...source, command: "printf 'a b\\n'" })).toBe("a b")
    process.env.AUROCHS_TEST_SECRET = "from outside"
    try {
      expect(await readSecret(source)).toBe("from outside")
    } finally {
      delete process.env.AUROCHS_TEST_SECRET
    }
  })

  it("missing, empty or unreadable ones are told with the ways to give them, never with their text", async () => {
    await expect(readSecret(source)).rejects.toThrow(
      /--password-file FILE, --password-command COMMAND or AUROCHS_TEST_SECRET/,
    )
    await writeFile(join(folder, "empty"), "\n")
    await expect(readSecret({ ...source, file: join(folder, "empty") })).rejects.toThrow("The password is empty.")
    await expect(readSecret({ ...source, command: "echo hunter2; exit 1" })).rejects.not.toThrow(/hunter2/)
  })
})

describe("a command line", () => {
  const script = `
    import { runCommandLine, setExitCode, withProgress } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)}
    await runCommandLine({ name: "demo", version: "1.2.3", argv: process.argv.slice(1), define: (y) => y
      .command("fail", "fails", (y) => y, () => { throw new Error("odd") })
      .command("three", "sets 3", (y) => y, () => setExitCode(3))
      .command("slow", "takes time", (y) => y, () => withProgress("working", new Promise((done) => setTimeout(done, 60)), 10))
    })`
  const demo = (...args: string[]) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", script, "--", ...args], { encoding: "utf8" })

  it("answers a mistake with one hint and exit code 2", () => {
    const { status, stderr, stdout } = demo("thre")
    expect([status, stdout]).toEqual([2, ""])
    expect(stderr).toContain("demo --help")
    expect(stderr).not.toContain("    at ")
    expect(demo().status).toBe(2)
    expect(demo("three", "--nonsense").status).toBe(2)
  })

  it("prints exit codes in --help, and its version", () => {
    expect(demo("--help").stdout).toMatch(/Exit codes: 0 done/)
    expect(demo("--version").stdout.trim()).toBe("1.2.3")
  })

  it("passes a command's own exit code on, and 1 for what nobody expected", () => {
    expect(demo("three").status).toBe(3)
    expect(demo("fail")).toMatchObject({ status: 1, stderr: "demo: odd\n" })
  })

  it("tells what takes long", () => {
    expect(demo("slow").stderr).toBe("working …\n")
  })
})

describe("output that nobody reads any more", () => {
  const script = `
    import { runCommandLine, stopSignal } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)}
    import { setTimeout as pause } from "node:timers/promises"
    const written = () => new Promise((resolve, reject) =>
      process.stdout.write("line\\n", (error) => error ? reject(error) : resolve()))
    await runCommandLine({ name: "demo", version: "1", argv: process.argv.slice(1), define: (y) => y
      .command("watch", "until stopped", (y) => y, async () => {
        const signal = stopSignal()
        try {
          while (!signal.aborted) {
            process.stdout.write("line\\n")
            await pause(5)
          }
        } finally { await pause(20); console.error("closed in order") }
      })
      .command("wait", "waits for each write", (y) => y, async () => {
        try { for (;;) { await written(); await pause(5) } } finally { console.error("closed in order") }
      })
    })`

  it.each(["watch", "wait"])("is no error, and what is open is closed (%s)", async (command) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, "--", command])
    let errors = ""
    child.stderr.on("data", (data: Buffer) => {
      errors += data
    })
    await once(child.stdout, "data")
    child.stdout.destroy()
    const [code] = await once(child, "close")
    expect([code, errors]).toEqual([0, "closed in order\n"])
  })
})

describe("signals", () => {
  const script = `
    import { stopSignal } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)}
    const signal = stopSignal()
    signal.addEventListener("abort", () => setTimeout(() => { console.log("in order"); process.exit(0) }, 1500))
    setInterval(() => {}, 1000)
    console.log("ready")`

  async function after(...pausesMs: number[]): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    let output = ""
    child.stdout.on("data", (data: Buffer) => {
      output += data
    })
    await once(child.stdout, "data")
    for (const pauseMs of pausesMs) {
      child.kill("SIGINT")
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    child.kill("SIGTERM")
    const [code] = await once(child, "exit")
    return { code, output }
  }

  it("two that are one Ctrl-C let the program end in order", async () => {
    expect(await after(50)).toEqual({ code: 0, output: "ready\nin order\n" })
  })

  it("a second one, later, ends it at once", async () => {
    expect(await after(1_200)).toEqual({ code: 143, output: "ready\n" })
  })
})
