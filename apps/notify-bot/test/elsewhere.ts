import { spawn } from "node:child_process"
import { once } from "node:events"

/** A module that runs in a process of its own. */
export interface Elsewhere {
  /** The first line it writes. */
  readonly line: Promise<string>
  /** What it wrote in all, once it ended. */
  readonly output: Promise<string>
  /** Lets it go on where it waits for its standard input. */
  goOn(): void
  kill(): void
}

/** @param file a built module of this program, e.g. `stores.js` */
export function built(file: string): string {
  return JSON.stringify(new URL(`../dist/${file}`, import.meta.url).href)
}

/** @param argument its `process.argv[1]` */
export function elsewhere(program: string, argument: string): Elsewhere {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, argument], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  let text = ""
  child.stdout.on("data", (data: Buffer) => {
    text += data
  })
  const output = once(child, "close").then(() => text)
  const line = Promise.race([once(child.stdout, "data").then(() => text), output]).then(
    (all) => all.split("\n")[0] ?? "",
  )
  return { line, output, goOn: () => child.stdin.end(), kill: () => child.kill("SIGKILL") }
}
