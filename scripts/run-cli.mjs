// `npm run --silent aurochs -- …`: the command line, in the folder in which npm was called. Nothing but its own output
// goes to stdout: sources that changed are built silently first.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { alone, become, newest, readOr, root } from "./lib.mjs"

const main = join(root, "apps", "cli", "dist", "main.js")
const stamp = join(root, "node_modules", ".aurochs-cli")

/** Every folder whose change asks for a build. */
function sources() {
  const packages = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name, "src"))
  return [...packages, join(root, "apps", "cli", "src")]
}

function isBuilt() {
  return existsSync(main) && Number(readOr(stamp, "0")) >= newest(sources())
}

function build() {
  if (isBuilt()) return
  const changed = newest(sources())
  const turbo = join(root, "node_modules", "turbo", "bin", "turbo")
  const args = [turbo, "run", "build", "--filter", "@aurochs/cli...", "--output-logs=errors-only"]
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  if (run.status !== 0) {
    console.error(`${run.stdout}${run.stderr}\nThe command line could not be built.`)
    process.exit(1)
  }
  writeFileSync(stamp, String(changed))
}

if (!isBuilt()) alone("build", build)
become(process.execPath, [main, ...process.argv.slice(2)], { cwd: process.env.AUROCHS_CWD ?? process.cwd() })
