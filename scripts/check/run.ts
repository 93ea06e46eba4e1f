import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { delimiter, dirname, join } from "node:path"

/** How a tool ended, and everything that it wrote. */
export interface Ran {
  readonly ok: boolean
  readonly output: string
}

/** The JavaScript file behind a tool's command; started with `process.execPath`, no shim in between. */
export function toolFile(root: string, name: string, command = name): string {
  const require = createRequire(join(root, "package.json"))
  const manifest = findManifest(require, name)
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: string | Record<string, string> }
  const file = typeof bin === "string" ? bin : bin[command]
  if (file === undefined) throw new Error(`${name} has no command ${command}`)
  return join(dirname(manifest), file)
}

/** Also for a package whose `exports` hide its `package.json`. */
function findManifest(require: NodeJS.Require, name: string): string {
  const folder = require.resolve.paths(name)?.map((path) => join(path, name, "package.json")) ?? []
  for (const file of folder) {
    try {
      readFileSync(file)
      return file
    } catch {
      // the next folder up
    }
  }
  throw new Error(`${name} is not installed`)
}

/** The environment without what `npm run --silent` puts there: tools that run npm themselves would say nothing. */
function withoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_config_loglevel$/i.test(name)))
}

/** Runs a file with this Node, without stdin, with the repository's commands first in the path. */
export function runNode(root: string, file: string, args: readonly string[]): Promise<Ran> {
  const path = [join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...withoutNpm(), PATH: path, NO_COLOR: "1", FORCE_COLOR: "0" },
    })
    const chunks: Buffer[] = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    const text = (): string => Buffer.concat(chunks).toString("utf8")
    child.once("error", (error) => resolve({ ok: false, output: `${text()}${error.message}` }))
    child.once("close", (code, signal) =>
      resolve({ ok: code === 0, output: code === null ? `${text()}\nended by ${signal}` : text() }),
    )
  })
}
