// `npm run --silent aurochs -- …`: the command line, in the folder in which npm was called. Nothing but its own output
// goes to stdout: sources that changed are built silently first.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { alone, become, modifiedAt, newest, readOr, root } from "./lib.mjs"

const main = join(root, "apps", "cli", "dist", "main.js")
const stamp = join(root, "node_modules", ".aurochs-cli")

/** The folders whose change asks for a build. */
const folders = [
  ...readdirSync(join(root, "packages")).map((name) => join(root, "packages", name)),
  join(root, "apps", "cli"),
]
const changedAt = () => newest(folders.map((folder) => join(folder, "src")))

/** After a build from here the stamp says so; after one from elsewhere the compiler's own notes are the newer ones. */
function isBuilt() {
  if (!existsSync(main)) return false
  const isNewer = (folder) => newest([join(folder, "src")]) <= modifiedAt(join(folder, "dist", ".tsbuildinfo"))
  return Number(readOr(stamp, "0")) >= changedAt() || folders.every(isNewer)
}

function build() {
  if (isBuilt()) return
  const changed = changedAt()
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
