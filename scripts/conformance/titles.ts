import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"

/** A test as its source names it. Nothing is run: what a loop or a table puts into a title is read where it is literal. */
export interface Titled {
  /** From the root. */
  readonly file: string
  /** The titles of the suites around it and its own, from the outside in. */
  readonly title: string
}

/** Cases that are folders of files: the test reads them and takes its titles from them. */
const vectorSuites = [{ folder: "vectors/attacks", runBy: "packages/message/test/attacks.test.ts" }]

/** A suite for adapters has its cases as data, each `{ title, run }`. */
const suitesFolder = "packages/conformance/src"

/** Every test of the repository. */
export function testTitles(root: string): Titled[] {
  const fromVectors = vectorSuites
    .filter(({ folder, runBy }) => existsSync(join(root, folder)) && existsSync(join(root, runBy)))
    .flatMap(({ folder, runBy }) =>
      readdirSync(join(root, folder))
        .filter((name) => /^[A-Z]\d+-/.test(name))
        .sort()
        .map((name) => ({ file: runBy, title: name })),
    )
  const fromSources = testFiles(root).flatMap((file) => titlesIn(file, readFileSync(join(root, file), "utf8")))
  return [...fromSources, ...fromVectors]
}

/** The files that tests or cases stand in, from the root, in order. */
function testFiles(root: string): string[] {
  const below = (folder: string): string[] =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : []
  const folders = [...below("packages"), ...below("apps")].map((folder) => `${folder}/test`)
  return [...folders, "e2e", "scripts/test", suitesFolder].flatMap((folder) => walk(root, folder)).sort()
}

function walk(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return entry.name === "node_modules" || entry.name === "dist" ? [] : walk(root, path)
    const wanted = folder.startsWith(suitesFolder) ? /\.ts$/ : /\.test(-d)?\.ts$/
    return wanted.test(entry.name) ? [path] : []
  })
}

/** The tests of one file, in the order of the source. */
export function titlesIn(file: string, text: string): Titled[] {
  // What makes tests of the cases there is no test itself.
  const isSuite = file.startsWith(suitesFolder)
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const makers = isSuite ? caseMakers(source) : new Map<string, number>()
  const found: Titled[] = []
  const visit = (node: ts.Node, around: readonly string[]): void => {
    const call = ts.isCallExpression(node) && !isSuite ? testCall(node) : undefined
    if (call !== undefined && ts.isCallExpression(node)) {
      const titles = titlesOf(node, call.table, source)
      if (call.kind === "test") {
        found.push(...titles.map((title) => ({ file, title: [...around, title].join(" > ") })))
        return
      }
      // A suite over a table: its tests stand once for each row.
      for (const title of titles) ts.forEachChild(node, (child) => visit(child, [...around, title]))
      return
    }
    const title = isSuite ? caseTitle(node, makers) : undefined
    if (title !== undefined) found.push({ file, title })
    ts.forEachChild(node, (child) => visit(child, around))
  }
  visit(source, [])
  return found
}

/** `test(…)`, `it.skipIf(…)(…)`, `describe.each(table)(…)`: what it makes and the table, if there is one. */
function testCall(node: ts.CallExpression): { kind: "test" | "suite"; table?: ts.Expression } | undefined {
  let table: ts.Expression | undefined
  let callee: ts.Expression = node.expression
  while (!ts.isIdentifier(callee)) {
    if (ts.isCallExpression(callee)) {
      const inner = callee.expression
      if (!ts.isPropertyAccessExpression(inner)) return undefined
      if (inner.name.text === "each" || inner.name.text === "for") table = callee.arguments[0]
      callee = inner.expression
    } else if (ts.isPropertyAccessExpression(callee)) {
      // `test.each(table)` without its second call makes nothing.
      if (["each", "for", "skipIf", "runIf"].includes(callee.name.text)) return undefined
      callee = callee.expression
    } else return undefined
  }
  const kind = { test: "test", it: "test", describe: "suite" }[callee.text]
  if (kind === undefined || node.arguments.length < 2) return undefined
  return { kind: kind === "test" ? "test" : "suite", ...(table === undefined ? {} : { table }) }
}

/** One title for each row of a table that can be read; else one, in which `…` stands for what is known at run time. */
function titlesOf(node: ts.CallExpression, table: ts.Expression | undefined, source: ts.SourceFile): string[] {
  const title = literal(node.arguments[0]) ?? "…"
  const rows = table === undefined ? undefined : arrayOf(table, source)
  return rows === undefined ? [title] : rows.map((row) => fill(title, row))
}

/** The text of a string or a template; `…` for each part that is not written there. */
function literal(node: ts.Node | undefined): string | undefined {
  if (node === undefined) return undefined
  if (ts.isStringLiteralLike(node) || ts.isNumericLiteral(node)) return node.text
  if (!ts.isTemplateExpression(node)) return undefined
  return node.head.text + node.templateSpans.map((span) => `…${span.literal.text}`).join("")
}

/** The elements of an array that is written there, or that a constant of the same file names. */
function arrayOf(node: ts.Expression, source: ts.SourceFile): readonly ts.Expression[] | undefined {
  if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) return arrayOf(node.expression, source)
  if (ts.isArrayLiteralExpression(node)) return node.elements.some(ts.isSpreadElement) ? undefined : node.elements
  if (!ts.isIdentifier(node)) return undefined
  const constants = source.statements.filter(ts.isVariableStatement).flatMap((one) => one.declarationList.declarations)
  const value = constants.find((one) => ts.isIdentifier(one.name) && one.name.text === node.text)?.initializer
  return value === undefined || ts.isIdentifier(value) ? undefined : arrayOf(value, source)
}

/** A row's literals where vitest puts them: `%s` in turn, `$name` and `$0` by name. */
function fill(title: string, row: ts.Expression): string {
  const cells = ts.isArrayLiteralExpression(row) ? row.elements : [row]
  let next = 0
  const byPosition = title.replaceAll(/%[sdifjo]/g, () => literal(cells[next++]) ?? "…")
  return byPosition.replaceAll(/\$(\w+)(?:\.\w+)*/g, (_, name: string) => {
    if (/^\d+$/.test(name)) return literal(cells[Number(name)]) ?? "…"
    return (ts.isObjectLiteralExpression(row) ? literal(property(row, name)) : undefined) ?? "…"
  })
}

function property(node: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  const found = node.properties.find((one) => one.name !== undefined && one.name.getText() === name)
  return found !== undefined && ts.isPropertyAssignment(found) ? found.initializer : undefined
}

/** A case as it is written, or made by a function of the same file. */
function caseTitle(node: ts.Node, makers: ReadonlyMap<string, number>): string | undefined {
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
    const index = makers.get(node.expression.text)
    return index === undefined ? undefined : literal(node.arguments[index])
  }
  if (!ts.isObjectLiteralExpression(node)) return undefined
  const runs = node.properties.some((one) => one.name?.getText() === "run")
  return runs ? literal(property(node, "title")) : undefined
}

/** Functions that make a case of a title: which of their parameters it is. */
function caseMakers(source: ts.SourceFile): Map<string, number> {
  const functions = source.statements.filter(ts.isFunctionDeclaration)
  const found = functions.map((one) => [one.name?.text ?? "", one.parameters.findIndex(isTitle)] as const)
  return new Map(found.filter(([, index]) => index >= 0))
}

function isTitle(parameter: ts.ParameterDeclaration): boolean {
  return ts.isIdentifier(parameter.name) && parameter.name.text === "title"
}
