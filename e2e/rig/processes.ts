import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

const running = new Set<ChildProcess>()
let hooked = false

/** Whatever this process started is stopped with it, by pid. */
function stopAllOnExit(): void {
  if (hooked) return
  hooked = true
  process.once("exit", () => {
    for (const child of running) child.kill("SIGKILL")
  })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // A program that stops what it started in its own order goes first.
    if (process.listenerCount(signal) > 0) continue
    process.once(signal, () => process.exit(signal === "SIGINT" ? 130 : 143))
  }
}

/** A program that runs beside the test, with everything it printed. */
export interface Running {
  readonly child: ChildProcess
  output(): string
  /** Resolves with the first match in what it prints from now on or printed before. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>
  /** Its exit code; null if a signal ended it. */
  readonly ended: Promise<number | null>
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a program and keeps what it prints. */
export function start(program: string, args: readonly string[], options: SpawnOptions = {}): Running {
  stopAllOnExit()
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...options })
  running.add(child)
  let text = ""
  child.stdout?.on("data", (data: Buffer) => {
    text += data
  })
  child.stderr?.on("data", (data: Buffer) => {
    text += data
  })
  child.stdin?.on("error", () => {})
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      text += String(error)
      running.delete(child)
      resolve(127)
    })
    child.once("close", (code) => {
      running.delete(child)
      resolve(code)
    })
  })
  let over = false
  void ended.then(() => {
    over = true
  })
  return {
    child,
    ended,
    output: () => text,
    async waitFor(pattern, timeoutMs = 20_000) {
      const until = Date.now() + timeoutMs
      for (;;) {
        const match = pattern.exec(text)
        if (match) return match
        if (over) throw new Error(`${program} ended before it printed ${pattern}:\n${text}`)
        if (Date.now() > until) throw new Error(`${program} did not print ${pattern} in ${timeoutMs} ms:\n${text}`)
        await sleep(20)
      }
    },
    async stop(signal = "SIGTERM") {
      if (over) return
      child.kill(signal)
      const late = setTimeout(() => child.kill("SIGKILL"), 15_000)
      await ended
      clearTimeout(late)
    },
  }
}

/** Runs a program to its end; its output on both streams. */
export function run(
  program: string,
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv
    readonly input?: string | Uint8Array
    readonly cwd?: string
    readonly uid?: number
    readonly gid?: number
    readonly timeoutMs?: number
  } = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      {
        env: options.env ?? process.env,
        ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
        cwd: options.cwd,
        timeout: options.timeoutMs ?? 60_000,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 127
        resolve({
          code,
          stdout: String(stdout),
          stderr: error !== null && code === 127 ? `${stderr}${error.message}` : String(stderr),
        })
      },
    )
    child.stdin?.on("error", () => {})
    child.stdin?.end(options.input ?? "")
  })
}

/** Runs a program that must succeed; its standard output. */
export async function runOrThrow(...args: Parameters<typeof run>): Promise<string> {
  const result = await run(...args)
  if (result.code !== 0)
    throw new Error(`${args[0]} ${args[1].join(" ")} ended with ${result.code}: ${result.stderr}${result.stdout}`)
  return result.stdout
}

/** A port on 127.0.0.1 that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

/** Asks again every 50 ms until the answer is not undefined. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 20_000,
): Promise<T> {
  const until = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > until) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await sleep(50)
  }
}
