import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { packageFolders } from "./dependencies.ts"

const MAX_LINES = 400

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly license?: string
}

/** A package that goes to the registry. */
export interface Publishable {
  readonly folder: string
  readonly name: string
}

function manifestOf(root: string, folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest
}

/** The packages that are not marked `private`, by name. */
export function publishable(root: string): Publishable[] {
  return packageFolders(root)
    .map((folder) => ({ folder, manifest: manifestOf(root, folder) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ folder, name: manifest.name }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The TypeScript files below a folder; empty if there is none. */
function typescriptIn(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`)
}

/** Names of packages that a waiting changeset mentions. */
function changesets(root: string): Set<string> {
  const folder = join(root, ".changeset")
  if (!existsSync(folder)) return new Set()
  const heads = readdirSync(folder)
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .map((name) => /^---\n([\s\S]*?)\n---/.exec(readFileSync(join(folder, name), "utf8"))?.[1] ?? "")
  return new Set(heads.flatMap((head) => [...head.matchAll(/"([^"]+)"\s*:/g)].map((match) => match[1] ?? "")))
}

function sourceFaults(root: string, folder: string): string[] {
  return typescriptIn(root, `${folder}/src`).flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8")
    const lines = text.split("\n").length - 1
    return [
      ...(lines > MAX_LINES ? [`${file}: ${lines} lines, ${MAX_LINES} is the most`] : []),
      ...(/\b(TODO|FIXME|XXX)\b/.test(text) ? [`${file}: an open end (TODO, FIXME, XXX)`] : []),
      ...(/^\s*export\s+default\b/m.test(text) ? [`${file}: a default export`] : []),
      ...(/^\s*export\s+\*/m.test(text) ? [`${file}: export *`] : []),
      ...(/@ts-(ignore|nocheck)\b/.test(text) ? [`${file}: an error of the type checker is hidden`] : []),
    ]
  })
}

/** Does an end-to-end test start this program? */
function isRunEndToEnd(root: string, folder: string): boolean {
  const files = typescriptIn(root, "e2e").filter((file) => !file.includes("node_modules"))
  return files.some((file) => readFileSync(join(root, file), "utf8").includes(`${folder}/`))
}

function testFaults(root: string, folder: string): string[] {
  const tests = typescriptIn(root, `${folder}/test`).filter((file) => /\.test(-d)?\.ts$/.test(file))
  if (tests.length === 0 && !(folder.startsWith("apps/") && isRunEndToEnd(root, folder))) return [`${folder}: no tests`]
  return tests.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8")
    return /\b(describe|test|it)\.(only|skip|todo)\(/.test(text)
      ? [`${file}: a test is left out (only, skip, todo)`]
      : []
  })
}

/** What each package has to bring along, and what none of its files may contain. */
export function fileFaults(root: string): string[] {
  const announced = changesets(root)
  const published = new Set(publishable(root).map(({ folder }) => folder))
  return packageFolders(root)
    .filter((folder) => folder.includes("/"))
    .flatMap((folder) => {
      const { name, license } = manifestOf(root, folder)
      const lacks = (file: string): string[] => (existsSync(join(root, folder, file)) ? [] : [`${folder}: no ${file}`])
      const readme = join(root, folder, "README.md")
      const changed = existsSync(join(root, folder, "CHANGELOG.md")) || announced.has(name)
      return [
        ...lacks("README.md"),
        ...(existsSync(readme) && readFileSync(readme, "utf8").trim().split("\n").length < 3
          ? [`${folder}: README.md says nothing`]
          : []),
        ...(published.has(folder) ? lacks("LICENSE") : []),
        ...(license === "MIT" ? [] : [`${folder}: the licence is not MIT`]),
        ...(published.has(folder) && !changed ? [`${folder}: neither CHANGELOG.md nor a changeset`] : []),
        ...sourceFaults(root, folder),
        ...testFaults(root, folder),
      ]
    })
}
