import { type ChildProcess, spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { type AurochsError, aborted, type CallOptions, throwIfAborted } from "@aurochs/core"
import { backend } from "./errors.ts"
import type { Leftovers } from "./leftovers.ts"

/** File descriptors of a child, besides its standard ones. */
export const fd = { status: 3, passphrase: 4, command: 5 } as const

/** One child process. Nothing secret is in `args` or `env`: those are for everybody to see. */
export interface Command extends CallOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly input?: Uint8Array | undefined
  /** One line on the passphrase descriptor. */
  readonly passphrase?: Uint8Array | undefined
  /** The answer to a question on the status descriptor; undefined ends the child. */
  readonly answer?: ((question: string) => string | undefined) | undefined
  /** More than this on standard output ends the child. */
  readonly maxOutputBytes: number
  readonly timeoutMs: number
  /** Where it is kept that the child has to end with this process. */
  readonly left?: Leftovers | undefined
}

/** What came of a child that ended by itself. */
export interface Ran {
  readonly exitCode: number | null
  readonly output: Uint8Array
  /** What it wrote to the status descriptor and nothing else. */
  readonly status: string
}

/** Far more than any call of gpg writes there. */
const MAX_STATUS_BYTES = 1_048_576
/** How long a child may take to clean up behind itself before it is killed. */
const GRACE_MS = 2_000
/** How long descriptors may stay open after the child's end, if it left a process behind that holds them. */
const LINGER_MS = 1_000

/**
 * Runs a program without a shell and waits for its end, also when it is aborted: nothing is left behind.
 *
 * @throws {AurochsError} `ABORTED`; `BACKEND` if it cannot be started, takes too long or says too much
 */
export async function run(command: Command): Promise<Ran> {
  throwIfAborted(command)
  const child = started(command)
  const output = collect(child, 1, command.maxOutputBytes)
  const status = collect(child, fd.status, MAX_STATUS_BYTES)
  feed(child, 0, command.input)
  feed(child, fd.passphrase, command.passphrase && line(command.passphrase))
  if (command.answer === undefined) feed(child, fd.command, undefined)
  else converse(child, command.answer, () => stop(backend("gpg asked what it should not")))
  let failure: AurochsError | undefined
  let killer: NodeJS.Timeout | undefined
  const stop = (why: AurochsError) => {
    failure ??= why
    child.kill("SIGTERM")
    killer ??= setTimeout(() => child.kill("SIGKILL"), GRACE_MS)
  }
  const forget = command.left?.add(() => child.kill("SIGTERM"))
  const onAbort = () => stop(aborted(command.signal))
  const timer = setTimeout(() => stop(backend("gpg took too long")), command.timeoutMs)
  command.signal?.addEventListener("abort", onAbort, { once: true })
  for (const one of [output, status]) one.onOverflow(() => stop(backend("gpg says more than it should")))
  try {
    const exitCode = await ended(child)
    if (failure !== undefined) throw failure
    return { exitCode, output: output.bytes(), status: new TextDecoder().decode(status.bytes()) }
  } finally {
    clearTimeout(timer)
    clearTimeout(killer)
    forget?.()
    command.signal?.removeEventListener("abort", onAbort)
  }
}

function started({ program, args, env }: Command): ChildProcess {
  const stdio = ["pipe", "pipe", "ignore", "pipe", "pipe", "pipe"] as const
  try {
    return spawn(program, args, { env, stdio: [...stdio], shell: false, windowsHide: true })
  } catch {
    throw notThere(program)
  }
}

function notThere(program: string): AurochsError {
  return backend(`${program} cannot be started: install GnuPG 2.2 or later (Debian: gpg and gpg-agent)`)
}

/** Resolves when the child has ended and its descriptors are closed. */
function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    let linger: NodeJS.Timeout | undefined
    child.once("error", () => {
      if (child.pid === undefined) reject(notThere(child.spawnfile))
    })
    child.once("exit", () => {
      linger = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy()
      }, LINGER_MS)
    })
    child.once("close", (exitCode: number | null) => {
      clearTimeout(linger)
      resolve(exitCode)
    })
  })
}

/** The types know five descriptors only. */
function streams(child: ChildProcess): readonly (Readable | Writable | null | undefined)[] {
  return child.stdio
}

interface Collected {
  bytes(): Uint8Array
  onOverflow(handler: () => void): void
}

function collect(child: ChildProcess, from: number, maxBytes: number): Collected {
  const chunks: Uint8Array[] = []
  let size = 0
  let overflow = () => {}
  const stream = streams(child)[from] as Readable | null | undefined
  stream?.on("error", () => {})
  stream?.on("data", (chunk: Uint8Array) => {
    size += chunk.length
    if (size > maxBytes) overflow()
    else chunks.push(chunk)
  })
  return {
    bytes: () => new Uint8Array(Buffer.concat(chunks)),
    onOverflow: (handler) => {
      overflow = handler
    },
  }
}

function feed(child: ChildProcess, to: number, bytes: Uint8Array | undefined): void {
  const stream = streams(child)[to] as Writable | null | undefined
  // A child that ends early closes its side; that it failed is known from its exit.
  stream?.on("error", () => {})
  stream?.end(bytes ?? new Uint8Array())
}

function line(bytes: Uint8Array): Uint8Array {
  const ended = new Uint8Array(bytes.length + 1)
  ended.set(bytes)
  ended[bytes.length] = 0x0a
  return ended
}

/** Answers `GET_…` on the status descriptor, one line each. */
function converse(child: ChildProcess, answer: (question: string) => string | undefined, refuse: () => void): void {
  const commands = streams(child)[fd.command] as Writable | null | undefined
  commands?.on("error", () => {})
  let rest = ""
  const status = streams(child)[fd.status] as Readable | null | undefined
  status?.on("data", (chunk: Uint8Array) => {
    const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n")
    rest = lines.pop() ?? ""
    for (const one of lines) {
      const question = /^\[GNUPG:\] GET_(?:BOOL|LINE|HIDDEN) (\S+)/.exec(one)?.[1]
      if (question === undefined) continue
      const reply = answer(question)
      if (reply === undefined) refuse()
      else commands?.write(`${reply}\n`)
    }
  })
}
