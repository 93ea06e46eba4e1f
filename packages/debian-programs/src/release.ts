import { existsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { MULTIARCH, PREFIX, type Programs, run, unpackInto } from "./debian.ts"
import { locked } from "./lock.ts"

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

/**
 * Programs of another release of Debian than this machine has: unpacked into a folder of their own with every library
 * that they need, the C library included, so that they run beside those that are installed. Nothing is installed.
 *
 * @param release its code name, such as `trixie`
 * @param packages Debian package by program
 * @returns `path` is that of a script that starts the program with its own libraries
 * @throws {Error} if they cannot be had: no Debian, no network
 */
export async function programsOfRelease(
  release: string,
  packages: Readonly<Record<string, string>>,
): Promise<Programs> {
  if (!existsSync("/usr/bin/apt-get") || !existsSync(KEYRING)) throw new Error(`${release}: this is no Debian`)
  const prefix = `${PREFIX}-${release}`
  const scripts = join(prefix, "scripts")
  const names = Object.keys(packages)
  const absent = () => names.filter((name) => !existsSync(join(scripts, name)))
  if (absent().length > 0) {
    await locked(`${prefix}.lock`, async () => {
      if (absent().length === 0) return
      const apt = join(PREFIX, "..", `apt-${release}`)
      await mkdir(apt, { recursive: true })
      const sources = join(apt, "sources.list")
      await writeFile(sources, `deb [signed-by=${KEYRING}] ${await mirror()} ${release} main\n`)
      const settings = [
        ["Dir::Etc::sourcelist", sources],
        ["Dir::Etc::sourceparts", "/dev/null"],
        // To this apt nothing is installed, so all of it comes.
        ["Dir::State::status", "/dev/null"],
      ] as const
      await unpackInto({ prefix, apt, settings }, [...new Set(Object.values(packages))])
      await mkdir(scripts, { recursive: true })
      for (const name of names) await writeFile(join(scripts, name), script(prefix, name), { mode: 0o755 })
    })
  }
  return { how: "unpacked", prefix, env: {}, path: (name) => join(scripts, name) }
}

/** Where this machine has its own packages from. */
async function mirror(): Promise<string> {
  const all = await run("apt-get", ["indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"])
  const [, uri] = /^(\S+\/debian\/?) main$/m.exec(all) ?? []
  if (uri === undefined) throw new Error("no mirror of Debian is configured here")
  return uri
}

function script(prefix: string, name: string): string {
  const libraries = [join(prefix, "usr/lib", MULTIARCH), join(prefix, "lib", MULTIARCH)]
  const loader = process.arch === "arm64" ? "ld-linux-aarch64.so.1" : "ld-linux-x86-64.so.2"
  const start = `'${libraries[0]}/${loader}' --library-path '${libraries.join(":")}'`
  return `#!/bin/sh\nexec ${start} '${join(prefix, "usr/bin", name)}' "$@"\n`
}
