import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { conformanceFaults, idsIn, page, pageFile, unknownIds } from "../conformance/page.ts"
import { testTitles, titlesIn } from "../conformance/titles.ts"
import { families } from "../requirements.ts"

const titles = (text: string, file = "packages/a/test/a.test.ts"): string[] =>
  titlesIn(file, text).map(({ title }) => title)

describe("titles", () => {
  test.each([
    ["a string", 'it("one", () => {})', ["one"]],
    ["a template, with what is known at run time left open", "test(`a $" + "{b} c`, () => {})", ["a … c"]],
    [
      "a suite around it",
      'describe("outer", () => { describe("inner", () => { it("one", f) }) })',
      ["outer > inner > one"],
    ],
    ["options and modifiers", 'it.concurrent("one", { timeout: 1 }, f); test.skipIf(x)("two", f)', ["one", "two"]],
    ["rows in turn", 'it.each([["a", 1], ["b", 2]])("%s is %i", f)', ["a is 1", "b is 2"]],
    ["rows that are one value", 'it.each(["a", "b"] as const)("is %s", f)', ["is a", "is b"]],
    ["rows by name", 'it.each([{ id: "a" }, { id: "b" }])("$id", f)', ["a", "b"]],
    [
      "rows that a constant names",
      'const rows = [["a"], ["b"]]\ndescribe.each(rows)("%s", () => { it("x", f) })',
      ["a > x", "b > x"],
    ],
    ["rows that are made at run time: once", "it.each(make())(`x %s`, f)", ["x %s"]],
    ["a title that is a variable: once", "for (const t of all) test(t, f)", ["…"]],
    ["nothing else", 'exec("no"); pattern.test("no"); expect("no").toBe("no"); // it("no", f)', []],
  ])("are read from %s", (_, text, expected) => {
    expect(titles(text)).toEqual(expected)
  })

  test("of a suite for adapters are those of its cases, also where a function makes them", () => {
    const text = `
      function made(title: string, n: number) { return { title, run() {} } }
      export const cases = [{ title: "one", run: async () => {} }, made("two", 1), { title: "no case" }]
      test("no test of its own", () => {})`
    expect(titles(text, "packages/conformance/src/some.ts")).toEqual(["one", "two"])
  })
})

describe("ids", () => {
  test("are whole words", () => {
    expect(idsIn("R1, I14 (A2 and X13); R1 again, A4-grafted, XR2, R3a, R100, v4, sub-R5, r6, B7")).toEqual([
      "R1",
      "I14",
      "A2",
      "X13",
      "A4",
    ])
  })

  test("that no table has are named with their test", () => {
    const tests = [{ file: "a.test.ts", title: "R55 and R56" }]
    expect(unknownIds(tests)).toEqual(["a.test.ts: there is no R56 in scripts/requirements.ts (R55 and R56)"])
  })

  test.each([
    ["R", 55],
    ["I", 14],
    ["A", 34],
    ["X", 13],
  ])("%s: the table has each number up to %i once, in order, in one line", (letter, last) => {
    const items = families.find((family) => family.letter === letter)?.items ?? []
    expect(items.map(([id]) => id)).toEqual(Array.from({ length: last }, (_, i) => `${letter}${i + 1}`))
    for (const cells of items) for (const cell of cells) expect(cell).not.toMatch(/[|\n]/)
  })
})

describe("the page", () => {
  let root = ""
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "aurochs-conformance-"))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  test("says which files show what, how often, and what no test shows", () => {
    const file = "packages/a/test/a.test.ts"
    const text = page([
      ...["R1 x", "y R1", "I2 > R2"].map((title) => ({ file, title })),
      { file: "e2e/b.test.ts", title: "R1" },
    ])
    expect(text).toMatch(/^\| R1 \|.*\| 3 \| \[e2e\/b\.test\.ts\]\(\.\.\/e2e\/b\.test\.ts\)<br>\[packages.*\) × 2 \|$/m)
    expect(text).toMatch(/^\| R3 \|.*\| 0 \| \*\*no test yet\*\* \|$/m)
    const rest = families[0]?.items.slice(2).map(([id]) => id)
    expect(text).toContain(`| R1–R55 | 55 | 2 | 53 | ${rest?.join(", ")} |`)
    expect(text).toContain("| X1–X13 | 13 | 0 | 13 |")
  })

  test("is read from all places where tests stand, and from nowhere else", () => {
    const places = {
      "packages/p/test/deep/in.test.ts": 'it("R1", f)',
      "packages/p/test/types.test-d.ts": 'it("R2", f)',
      "apps/a/test/a.test.ts": 'it("R3", f)',
      "e2e/keys/k.test.ts": 'it("R4", f)',
      "scripts/test/s.test.ts": 'it("R5", f)',
      "packages/conformance/src/c.ts": 'export const all = [{ title: "R6", run }]',
      "packages/message/test/attacks.test.ts": "it.each(folders())(`$name`, f)",
    }
    for (const [file, text] of Object.entries(places)) write(file, text)
    write("vectors/attacks/A7-crypt/expect.json", "{}")
    write("vectors/attacks/keys/a", "")
    for (const file of ["packages/p/src/a.test.ts", "packages/p/test/help.ts", "e2e/node_modules/x.test.ts"])
      write(file, 'it("R7", f)')
    const found = testTitles(root)
    expect(found.flatMap(({ title }) => idsIn(title)).sort()).toEqual(["A7", "R1", "R2", "R3", "R4", "R5", "R6"])
    expect(found.find(({ title }) => title === "A7-crypt")?.file).toBe("packages/message/test/attacks.test.ts")
  })

  test("that is missing, edited or older than a title is a fault", () => {
    const stale = [`${pageFile} is not what the tests' titles say: npm run conformance`]
    write("packages/p/test/a.test.ts", 'it("R1", f)')
    expect(conformanceFaults(root)).toEqual(stale)
    write(pageFile, page(testTitles(root)))
    expect(conformanceFaults(root)).toEqual([])
    write("packages/p/test/a.test.ts", 'it("R1", f); it("R2", f)')
    expect(conformanceFaults(root)).toEqual(stale)
    write("packages/p/test/a.test.ts", 'it("R1", f); it("X99", f)')
    expect(conformanceFaults(root)).toEqual([
      "packages/p/test/a.test.ts: there is no X99 in scripts/requirements.ts (X99)",
    ])
  })
})
