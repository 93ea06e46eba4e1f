// What the scripts share. No dependencies: bootstrap.mjs runs before there are any, on Node 20 or later.
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..")

/**
 * Runs a command in this process's place: same terminal, same exit code. SIGTERM and SIGHUP are passed on; SIGINT only
 * without a terminal, which sends it to both anyway. npm passes signals on to the shell between us, which keeps them to
 * itself: when that shell is gone, the command is asked to end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {void}
 */
export function become(command, args, options) {
  const child = spawn(command, args, { stdio: "inherit", ...options })
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"))
  const parent = process.ppid
  const orphaned = () => {
    if (process.ppid === parent) return
    clearInterval(watch)
    child.kill("SIGTERM")
  }
  const watch = process.env.npm_lifecycle_event === undefined ? undefined : setInterval(orphaned, 250)
  child.once("error", (error) => {
    console.error(`${command} could not be started: ${error.message}`)
    process.exit(1)
  })
  child.once("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const name of ["SIGTERM", "SIGHUP", "SIGINT"]) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

/** Is there a process with this id? */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === "EPERM"
  }
}

/**
 * Does something that two processes must not do at once (both ends of a pipe may start with an installation). Waits
 * for the other one; a lock whose owner is gone is taken over.
 *
 * @template T
 * @param {string} name
 * @param {() => T} work
 * @returns {T}
 */
export function alone(name, work) {
  const folder = join(root, ".aurochs")
  const file = join(folder, `${name}.lock`)
  mkdirSync(folder, { recursive: true })
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" })
      break
    } catch (error) {
      if (error.code !== "EEXIST") throw error
    }
    const owner = Number(readOr(file, ""))
    if (owner > 0 && !isAlive(owner)) rmSync(file, { force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  }
  try {
    return work()
  } finally {
    rmSync(file, { force: true })
  }
}

/**
 * @param {string} file
 * @param {string} otherwise if it cannot be read
 * @returns {string}
 */
export function readOr(file, otherwise) {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return otherwise
  }
}

/**
 * When a file was changed, in milliseconds; 0 if it is not there.
 *
 * @param {string} file
 * @returns {number}
 */
export function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/**
 * When the newest file below these folders was changed, in milliseconds; 0 if there is none.
 *
 * @param {readonly string[]} folders
 * @returns {number}
 */
export function newest(folders) {
  const files = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)))
  return files.map(modifiedAt).reduce((a, b) => Math.max(a, b), 0)
}
