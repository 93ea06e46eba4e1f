import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { locked } from "./lock.ts"

/** Where packages are unpacked for a user who may not install them. */
export const PREFIX: string = fileURLToPath(new URL("../../../.aurochs/debian", import.meta.url))
export const MULTIARCH: string = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu"
const APT_ENV = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" }

/** Programs from Debian's packages, and the environment in which they run. */
export interface Programs {
  /** Absolute path of a program. */
  path(name: string): string
  /** PATH and library paths for packages that were unpacked instead of installed; put it over the environment. */
  readonly env: Readonly<Record<string, string>>
  /** Undefined if the packages are installed; else where they were unpacked. */
  readonly prefix?: string | undefined
  readonly how: "present" | "installed" | "unpacked"
}

/**
 * Makes sure that programs of Debian are there: as they are, installed with apt by root, or unpacked beside the
 * repository for anybody else.
 *
 * @param packages Debian package by program
 */
export async function debianPrograms(packages: Readonly<Record<string, string>>): Promise<Programs> {
  const names = Object.keys(packages)
  if (names.every((name) => find(name) !== undefined)) return programs("present")
  if (!existsSync("/usr/bin/apt-get")) {
    throw new Error(
      `These programs are needed: ${names.filter((name) => find(name) === undefined).join(", ")}. This is no Debian: please install them.`,
    )
  }
  const root = process.getuid?.() === 0
  await locked(`${PREFIX}.lock`, async () => {
    // Another process may have brought them meanwhile.
    const absent = names.filter((name) => find(name) === undefined && (root || findUnpacked(name) === undefined))
    const missing = [...new Set(absent.map((name) => packages[name] ?? name))]
    if (missing.length > 0) await (root ? install(missing) : unpack(missing))
  })
  return programs(root ? "installed" : "unpacked")
}

/**
 * The same for servers that nothing else on the machine is to know of: always unpacked beside the repository, never
 * installed, whoever asks. What the packages depend on and is not installed comes with them.
 *
 * @param packages Debian package by program; a path like `../lib/x` is one below `usr/bin`
 */
export async function unpackedPrograms(packages: Readonly<Record<string, string>>): Promise<Programs> {
  const names = Object.keys(packages)
  if (!existsSync("/usr/bin/apt-get")) throw new Error(`${names.join(", ")}: this is no Debian`)
  const absent = () => names.filter((name) => findUnpacked(name) === undefined)
  if (absent().length > 0) {
    await locked(`${PREFIX}.lock`, async () => {
      if (absent().length > 0) await unpack([...new Set(names.map((name) => packages[name] ?? name))])
    })
  }
  if (absent().length > 0) throw new Error(`${absent().join(", ")}: not in the packages that were unpacked`)
  const all = programs("unpacked")
  return { ...all, path: (name) => findUnpacked(name) ?? all.path(name) }
}

function programs(how: Programs["how"]): Programs {
  const prefix = how === "unpacked" ? PREFIX : undefined
  const lib = prefix && join(prefix, `usr/lib/${MULTIARCH}`)
  const libs = prefix && lib ? [lib, join(prefix, "usr/lib"), join(prefix, `lib/${MULTIARCH}`)].join(":") : undefined
  return {
    how,
    prefix,
    path(name) {
      const found = find(name) ?? (prefix ? findUnpacked(name) : undefined)
      if (found === undefined) throw new Error(`${name} is not there, although its package is`)
      return found
    },
    env: prefix
      ? {
          PATH: [join(prefix, "usr/bin"), join(prefix, "usr/sbin"), process.env.PATH ?? ""].join(delimiter),
          LD_LIBRARY_PATH: libs ?? "",
          LUA_PATH_5_4: `${prefix}/usr/share/lua/5.4/?.lua;${prefix}/usr/share/lua/5.4/?/init.lua;;`,
          LUA_CPATH_5_4: `${lib}/lua/5.4/?.so;;`,
        }
      : {},
  }
}

function find(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin", "/usr/sbin", "/bin"]
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

function findUnpacked(name: string): string | undefined {
  return ["usr/bin", "usr/sbin", "bin"].map((folder) => join(PREFIX, folder, name)).find((file) => existsSync(file))
}

/** apt as root. Packaged servers must not start by themselves (they would listen on every address). */
async function install(packages: readonly string[]): Promise<void> {
  const policy = "/usr/sbin/policy-rc.d"
  const ours = !existsSync(policy)
  if (ours) {
    await writeFile(policy, "#!/bin/sh\nexit 101\n")
    await chmod(policy, 0o755)
  }
  try {
    await apt(["-qq", "update"])
    await apt(["-qq", "-y", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends", "install", ...packages])
  } finally {
    if (ours) await rm(policy, { force: true })
  }
}

async function unpack(packages: readonly string[]): Promise<void> {
  const status = ["Dir::State::status", "/var/lib/dpkg/status"] as const
  await unpackInto({ prefix: PREFIX, apt: join(PREFIX, "..", "apt"), settings: [status] }, packages)
}

/** Where packages are unpacked, and what apt is to know for it. */
export interface Place {
  readonly prefix: string
  /** apt's own files. */
  readonly apt: string
  /** Settings of apt: name and value. */
  readonly settings: readonly (readonly [string, string])[]
}

/** Unpacks packages, and what they depend on as far as apt does not know it to be installed. Nothing is installed. */
export async function unpackInto({ prefix, apt: apts, settings }: Place, packages: readonly string[]): Promise<void> {
  const archives = join(apts, "cache/archives")
  await mkdir(join(apts, "state/lists/partial"), { recursive: true })
  await mkdir(join(archives, "partial"), { recursive: true })
  const done = join(prefix, "unpacked")
  await mkdir(done, { recursive: true })
  const own = [
    ["Dir::State", join(apts, "state")] as const,
    ["Dir::Cache", join(apts, "cache")] as const,
    ["Debug::NoLocking", "1"] as const,
    ["APT::Sandbox::User", ""] as const,
    ...settings,
  ].flatMap(([key, value]) => ["-o", `${key}=${value}`])
  await apt([...own, "-qq", "update"])
  // What is installed already has to be had here all the same.
  const wanted = ["-qq", "-y", "--no-install-recommends", "--reinstall", "--download-only", "install", ...packages]
  await apt([...own, ...wanted])
  for (const file of await readdir(archives)) {
    if (!file.endsWith(".deb") || existsSync(join(done, file))) continue
    await run("dpkg-deb", ["--extract", join(archives, file), prefix])
    await writeFile(join(done, file), "")
  }
}

async function apt(args: readonly string[]): Promise<void> {
  await run("apt-get", args)
}

/** What a program printed; it must succeed. */
export function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: APT_ENV, timeout: 300_000, maxBuffer: 64 * 1024 * 1024 }
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${program} ${args.join(" ")}: ${stderr}${stdout}${error.message}`))
    })
  })
}
