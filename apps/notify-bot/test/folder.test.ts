import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { makeFolder } from "../src/folder.ts"

let base: string
let folder: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "aurochs-folder-"))
  folder = join(base, "state")
})
afterEach(() => rm(base, { recursive: true, force: true }))

const databaseUrl = "postgres://db.example.org/notify"
const modeOf = async (path: string) => (await stat(path)).mode & 0o7777

describe("the folder", () => {
  it("is private, and can be passed through only for the embedded database", async () => {
    await makeFolder({ folder })
    expect(await modeOf(folder)).toBe(0o711)
    await makeFolder({ folder: `${folder}-2`, databaseUrl })
    expect(await modeOf(`${folder}-2`)).toBe(0o700)
  })

  it("keeps its mode if it is there", async () => {
    await mkdir(folder)
    for (const mode of [0o700, 0o750]) {
      await chmod(folder, mode)
      await makeFolder({ folder })
      await makeFolder({ folder, databaseUrl })
      expect(await modeOf(folder)).toBe(mode)
    }
  })

  it("is refused by name if it cannot be made", async () => {
    await writeFile(folder, "")
    await expect(makeFolder({ folder: join(folder, "inside") })).rejects.toMatchObject({
      code: "CONFIGURATION",
      message: expect.stringContaining(folder),
    })
  })
})
