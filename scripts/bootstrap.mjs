// Runs with whatever Node is on the machine (20 or later), without dependencies: installs what package.json and
// the lockfile name, once for each lockfile, then hands over to an npm script, which sees the repository's own Node.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { alone, become, readOr, root } from "./lib.mjs"

const args = process.argv.slice(2)
const quiet = args[0] === "--quiet"
if (quiet) args.shift()
const [script, ...rest] = args
const PNPM = "pnpm@10.34.9"

/** What the installed tree was made from. */
function wanted() {
  const hash = createHash("sha256")
  for (const file of ["pnpm-lock.yaml", "package.json", "pnpm-workspace.yaml"])
    hash.update(readFileSync(join(root, file)))
  return hash.digest("hex")
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

function install() {
  if (readOr(stamp, "") === wanted()) return true
  if (!quiet) console.log("installing dependencies with pnpm …")
  const run = spawnSync("npx", ["--yes", PNPM, "install", "--frozen-lockfile", "--reporter=append-only"], {
    cwd: root,
    stdio: ["ignore", quiet ? 2 : 1, 2],
    env: { ...process.env, CI: "true" },
  })
  if (run.status !== 0) return false
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted())
  return true
}

/** pnpm's `.bin/node` is a shell script that does not pass signals on: the program itself takes its place. */
function linkNode() {
  const bin = join(root, "node_modules", ".bin", "node")
  const target = join("..", `node-${process.platform}-${process.arch}`, "bin", "node")
  if (!existsSync(join(dirname(bin), target)) || lstatSync(bin).isSymbolicLink()) return
  const fresh = `${bin}.${process.pid}`
  symlinkSync(target, fresh)
  renameSync(fresh, bin)
}

if (Number(process.versions.node.split(".")[0]) < 20) fail(`Node 20 or later is needed, this is ${process.version}.`)
const stamp = join(root, "node_modules", ".aurochs-setup")
if (readOr(stamp, "") !== wanted() && !alone("setup", install))
  fail("The dependencies could not be installed. Is the npm registry reachable?")
linkNode()
if (script !== undefined) {
  const env = { ...process.env, AUROCHS_CWD: process.cwd() }
  become("npm", ["run", "--silent", script, "--", ...rest], { cwd: root, env })
}
