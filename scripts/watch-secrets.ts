// Runs in every process of the tests, before the tests. Whatever a program that they start writes as a log or an error,
// and the text of every error that is made, also of those that a test expects, is searched for the tests' secrets. What is
// found is written to the console, where the reporter finds it again and makes the run fail.
import { ChildProcess, type SpawnSyncReturns } from "node:child_process"
import { createRequire, syncBuiltinESMExports } from "node:module"
import type { Readable } from "node:stream"
import { secretsIn } from "./secrets-in.ts"

const INSTALLED = Symbol.for("aurochs.watch-secrets")
/** A line longer than this is looked at in pieces. */
const MAX_KEPT = 65_536

const place = globalThis as { [INSTALLED]?: true }
if (!place[INSTALLED]) {
  place[INSTALLED] = true
  watchErrors()
  watchPrograms()
}

function look(text: string, where: string): void {
  if (secretsIn(text).length > 0) console.error(`${where}: ${text}`)
}

/** `class X extends Error` of every module that is loaded from now on makes its errors through this, too. */
function watchErrors(): void {
  globalThis.Error = new Proxy(globalThis.Error, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "string") look(args[0], "an error")
      return Reflect.construct(target, args, newTarget) as object
    },
    apply: (target, self, args) => Reflect.apply(target, self, args) as Error,
  })
}

/** What a program is asked for, a code or an exported key, it writes to standard output; logs there are JSON lines. */
const isLog = (line: string) => line.startsWith('{"level":')

function watchPrograms(): void {
  const started = ChildProcess.prototype as unknown as { spawn(options: { file: string }): unknown }
  const { spawn } = started
  started.spawn = function (this: ChildProcess, options) {
    const result = Reflect.apply(spawn, this, [options]) as unknown
    watch(this.stderr, `${options.file} on standard error`, () => true)
    watch(this.stdout, `a log of ${options.file}`, isLog)
    return result
  }
  const module = createRequire(import.meta.url)("node:child_process") as {
    spawnSync(...args: readonly unknown[]): SpawnSyncReturns<string | Buffer>
  }
  const { spawnSync } = module
  module.spawnSync = (...args) => {
    const result = Reflect.apply(spawnSync, module, args) as SpawnSyncReturns<string | Buffer>
    look(String(result.stderr ?? ""), `${String(args[0])} on standard error`)
    for (const line of String(result.stdout ?? "").split("\n"))
      if (isLog(line)) look(line, `a log of ${String(args[0])}`)
    return result
  }
  syncBuiltinESMExports()
}

/** Looks at whole lines as they come, without taking anything from whoever reads the stream. */
function watch(stream: Readable | null, where: string, counts: (line: string) => boolean): void {
  if (stream === null) return
  const push = stream.push.bind(stream)
  let kept = ""
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const lines = (chunk === null ? `${kept}\n` : kept + String(chunk)).split("\n")
    kept = (lines.pop() ?? "").slice(-MAX_KEPT)
    for (const line of lines) if (counts(line)) look(line, where)
    return push(chunk, encoding)
  }
}
