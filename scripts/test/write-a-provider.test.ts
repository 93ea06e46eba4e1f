import { execFile } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

// docs/write-a-provider.md, done as it says, in a copy of the repository.

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
const guide = readFileSync(join(root, "docs/write-a-provider.md"), "utf8")

interface Block {
  readonly section: string
  readonly language: string
  /** Of a file: where it goes. */
  readonly file: string
  readonly text: string
}

const blocks: readonly Block[] = guide.split(/^## /m).flatMap((section) => {
  const title = section.slice(0, section.indexOf("\n"))
  return [...section.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language, file, text]) => ({
    section: title,
    language: language ?? "",
    file: file ?? "",
    text: text ?? "",
  }))
})

/** The lines of a section that go to the shell. */
function commands(section: string): string[] {
  const shell = blocks.filter((one) => one.section === section && one.language === "sh")
  return shell.flatMap((one) => one.text.trim().split("\n"))
}

let copy: string
const sample = () => join(copy, "packages/crypto-sample")

function node(args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const { VITEST: _, ...env } = process.env
  const options = { cwd: copy, env, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve) => {
    execFile(process.execPath, [...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 127), output: stdout + stderr })
    })
  })
}

/** Writes the files that a section of the guide shows. */
function follow(section: string): void {
  const files = blocks.filter((one) => one.section === section && one.file !== "")
  expect(files.length).toBeGreaterThan(0)
  for (const { file, text } of files) writeFileSync(join(copy, file), text)
}

interface Ran {
  readonly passed: readonly string[]
  readonly failed: readonly { readonly title: string; readonly why: string }[]
  readonly skipped: readonly string[]
}

/** `npm test -- --project crypto-sample`, without the other projects. */
async function runSuite(): Promise<Ran> {
  const results = join(copy, "results.json")
  const vitest = join(copy, "node_modules/vitest/vitest.mjs")
  const { output } = await node([vitest, "run", "--root", sample(), "--reporter=json", `--outputFile=${results}`])
  let tests: { title: string; status: string; failureMessages: string[] }[]
  try {
    tests = JSON.parse(readFileSync(results, "utf8")).testResults.flatMap(
      (file: { assertionResults: typeof tests }) => file.assertionResults,
    )
  } catch {
    throw new Error(output)
  }
  const titles = (status: string) => tests.filter((one) => one.status === status).map((one) => one.title)
  return {
    passed: titles("passed"),
    failed: tests
      .filter((one) => one.status === "failed")
      .map(({ title, failureMessages }) => ({ title, why: failureMessages.join("\n") })),
    skipped: [...titles("pending"), ...titles("skipped")],
  }
}

async function compile(): Promise<string> {
  return (await node([join(copy, "node_modules/typescript/bin/tsc"), "-p", sample()])).output
}

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "aurochs-new-"))
  const leftOut = new Set([".turbo", ".vite", ".vite-temp", ".git", ".aurochs"])
  for (const name of readdirSync(root)) {
    if (leftOut.has(name)) continue
    if (name === "node_modules") symlinkSync(join(root, name), join(copy, name))
    else {
      const filter = (path: string) => !leftOut.has(basename(path))
      cpSync(join(root, name), join(copy, name), { recursive: true, verbatimSymlinks: true, filter })
    }
  }
  for (const name of [".changeset", ".gitignore"]) cpSync(join(root, name), join(copy, name), { recursive: true })
})

afterAll(() => rmSync(copy, { recursive: true, force: true }))

describe("docs/write-a-provider.md", () => {
  test("1: the generator makes a package that builds and keeps the rules", async () => {
    expect(commands("1. A package")).toEqual(["npm run new -- crypto-provider sample", "npx pnpm install"])
    const { scripts } = JSON.parse(readFileSync(join(copy, "package.json"), "utf8"))
    expect([scripts.new, scripts["new:run"]]).toEqual(["node scripts/bootstrap.mjs new:run", "node scripts/new.ts"])
    const made = await node(["scripts/new.ts", "crypto-provider", "sample"])
    expect(made).toMatchObject({ code: 0, output: expect.stringContaining("packages/crypto-sample/src/index.ts") })
    // What `pnpm install` does with the package.json that was made.
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(sample(), "package.json"), "utf8"))
    mkdirSync(join(sample(), "node_modules/@aurochs"), { recursive: true })
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
      const folder = name.replace("@aurochs/", "")
      symlinkSync(join("../../..", folder), join(sample(), "node_modules", name))
    }
    expect(await compile()).toBe("")
    const { output } = await node([join(copy, "scripts/check.mjs"), "layers", "file rules", "third-party"])
    const checked = output.split("\n")
    expect(checked.filter((line) => /^(ok|FAILED) /.test(line))).toHaveLength(3)
    expect(checked.filter((line) => line.includes("crypto-sample"))).toEqual([])
    const written = ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts"].map((name) =>
      join(sample(), name),
    )
    const biome = await node([
      join(copy, "node_modules/@biomejs/biome/bin/biome"),
      "check",
      "--vcs-enabled=false",
      ...written,
    ])
    expect(biome).toMatchObject({ code: 0, output: expect.stringContaining("No fixes applied") })
  })

  test("1: what is there already, and what is no name, is refused before anything is written", async () => {
    const before = readFileSync(join(copy, "scripts/layers.ts"), "utf8")
    for (const name of ["sample", "openpgpjs", "../evil", "Upper", "a--b", ""]) {
      expect([name, (await node(["scripts/new.ts", "crypto-provider", name])).code]).toEqual([name, 1])
    }
    expect((await node(["scripts/new.ts", "key-directory", "x"])).code).toBe(2)
    expect(readFileSync(join(copy, "scripts/layers.ts"), "utf8")).toBe(before)
  })

  test("2: nearly every case is red with UNSUPPORTED, one passes, and what is optional is skipped", async () => {
    expect(commands("2. Red")).toEqual(["npm test -- --project crypto-sample"])
    const { passed, failed, skipped } = await runSuite()
    expect(passed).toEqual(["an engine tells its name, and which verdicts it gives"])
    expect(failed.filter(({ why }) => !why.includes("is not written yet"))).toEqual([])
    expect(failed.length).toBeGreaterThan(120)
    expect(skipped.length).toBeGreaterThan(10)
    expect(skipped.length).toBeLessThan(40)
  })

  test("3: one method more, one case more", async () => {
    follow("3. One method")
    expect(await compile()).toBe("")
    expect((await runSuite()).passed).toEqual([
      "an engine tells its name, and which verdicts it gives",
      "a key that nobody holds is undefined, not an error",
    ])
  })

  test("4, 5: written, everything is green", { timeout: 180_000 }, async () => {
    follow("4. An engine that needs another")
    expect(commands("5. Green")).toEqual(["npm test -- --project crypto-sample"])
    expect(await compile()).toBe("")
    const { passed, failed, skipped } = await runSuite()
    expect(failed).toEqual([])
    expect(passed.length).toBeGreaterThan(150)
    expect(skipped.length).toBeLessThan(5)
    // The skip that the guide shows is one that a case has.
    const shown = blocks.find((one) => one.section === "5. Green" && one.language === "ts")?.text ?? ""
    expect(passed).toContain(/skip: \{ "([^"]+)":/.exec(shown)?.[1])
  })
})
