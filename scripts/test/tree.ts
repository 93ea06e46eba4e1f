import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { beside, layers } from "../layers.ts"

/** A folder with every package of the table, each a few lines long, in which each may be built on what it may import. */
export interface Tree {
  readonly root: string
  write(file: string, text: string): void
  /** Names a dependency in a package's `package.json` and makes it resolvable there. */
  declare(folder: string, dependency: string, field?: "dependencies" | "devDependencies"): void
  /** Makes a module resolvable for a package that does not name it. */
  link(folder: string, dependency: string): void
  [Symbol.dispose](): void
}

const thirdParty = ["openpgp", "ltx", "pg", "left-pad"]

export function makeTree(): Tree {
  const root = mkdtempSync(join(tmpdir(), "aurochs-layers-"))
  const manifests = new Map<string, Record<string, unknown>>()
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  const writeManifest = (folder: string): void => write(`${folder}/package.json`, JSON.stringify(manifests.get(folder)))
  const link = (folder: string, dependency: string): void => {
    const own = dependency.startsWith("@aurochs/")
    const target = own ? join(root, "packages", dependency.slice("@aurochs/".length)) : join(root, ".store", dependency)
    const path = join(root, folder, "node_modules", dependency)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(target, path)
  }
  const declare: Tree["declare"] = (folder, dependency, field = "dependencies") => {
    const manifest = manifests.get(folder) ?? {}
    const version = dependency.startsWith("@aurochs/") ? "workspace:^" : "1.0.0"
    manifests.set(folder, { ...manifest, [field]: { ...(manifest[field] as object), [dependency]: version } })
    writeManifest(folder)
    link(folder, dependency)
  }
  const addPackage = (folder: string, name: string, below: readonly string[]): void => {
    const exports = { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } }
    manifests.set(folder, { name: `@aurochs/${name}`, type: "module", exports })
    writeManifest(folder)
    for (const dependency of below) declare(folder, `@aurochs/${dependency}`)
    const imports = below.map((dependency, i) => `import type { It as It${i} } from "@aurochs/${dependency}"\n`)
    const members = below.map((_, i) => `It${i}`)
    const type = `${imports.join("")}export type It = ${["string", ...members].join(" | ")}\n`
    write(`${folder}/src/index.ts`, type)
    write(`${folder}/dist/index.d.ts`, type)
    write(`${folder}/dist/index.js`, "export {}\n")
  }
  write("package.json", JSON.stringify({ type: "module", devDependencies: { "left-pad": "1.0.0" } }))
  for (const name of thirdParty) {
    // As pnpm does it: the real folder is elsewhere, below some node_modules.
    const real = `node_modules/.pnpm/${name}@1.0.0/node_modules/${name}`
    write(`${real}/package.json`, JSON.stringify({ name, version: "1.0.0", type: "module", exports: "./index.js" }))
    write(`${real}/index.js`, "export const Element = 1\n")
    write(`${real}/index.d.ts`, "export interface Element { readonly secret: string }\n")
    mkdirSync(join(root, ".store"), { recursive: true })
    symlinkSync(join(root, real), join(root, ".store", name))
  }
  layers.forEach((row, level) => {
    const below = layers[level - 1]?.slice(0, 1) ?? []
    for (const name of row) addPackage(`packages/${name}`, name, below)
  })
  for (const [name, may] of Object.entries(beside)) addPackage(`packages/${name}`, name, may)
  declare("packages/crypto-openpgpjs", "openpgp")
  write("packages/crypto-openpgpjs/src/engine.ts", 'import "openpgp"\nexport const engine = 1\n')
  declare("packages/xmpp", "ltx")
  write("packages/xmpp/src/boundary.ts", 'import type { Element } from "ltx"\nexport type Inner = Element\n')
  for (const name of ["echo", "other"]) addPackage(`apps/${name}`, name, ["bot", "core"])
  symlinkSync(join(root, ".store", "left-pad"), join(root, "node_modules", "left-pad"))
  return { root, write, declare, link, [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}
