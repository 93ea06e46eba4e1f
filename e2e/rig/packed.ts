import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { runOrThrow } from "./processes.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Manifest {
  readonly name: string
  readonly private?: boolean
}

/** The folders below `packages/` that go to the registry. */
async function publishable(): Promise<string[]> {
  const folders = (await readdir(join(root, "packages"))).map((name) => join(root, "packages", name))
  const manifests = await Promise.all(
    folders.map(async (folder) => JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest),
  )
  return folders.filter((_, i) => manifests[i]?.private !== true)
}

/**
 * Packs every package that goes to the registry and installs the archives into an empty folder with npm, as a stranger
 * would: third parties come from the registry, our own packages only from the archives.
 *
 * @param folder empty or not there yet
 * @returns the names of the installed packages, sorted
 */
export async function installPacked(folder: string): Promise<string[]> {
  const archives = join(folder, "archives")
  await mkdir(archives, { recursive: true })
  const pnpm = join(root, "node_modules", "pnpm", "bin", "pnpm.cjs")
  for (const cwd of await publishable())
    await runOrThrow(process.execPath, [pnpm, "pack", "--pack-destination", archives], { cwd })
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n')
  const files = (await readdir(archives)).sort().map((name) => join(archives, name))
  // Without the peers (vitest, for the suites) and the optional binaries (PostgreSQL): a bot needs neither.
  const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=peer", "--omit=optional", "--prefer-offline"]
  await runOrThrow("npm", ["install", ...options, ...files], { cwd: folder, timeoutMs: 120_000 })
  return (await readdir(join(folder, "node_modules", "@aurochs"))).sort().map((name) => `@aurochs/${name}`)
}
