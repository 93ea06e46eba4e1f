import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { cruise, type ICruiseResult, type IRegularForbiddenRuleType } from "dependency-cruiser"
import { beside, confined, layers, testTools, top } from "../layers.ts"

/** One import that a rule forbids. */
export interface Violation {
  readonly rule: string
  readonly from: string
  readonly to: string
}

interface Manifest {
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

type Rule = IRegularForbiddenRuleType

const oneOf = (names: readonly string[]): string => `(${names.join("|")})`
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&")

/** A module's files in `node_modules`, or its bare name where it cannot be resolved. */
function moduleFiles(name: string): string {
  const tail = name.endsWith("/") ? "" : "(/|$)"
  return `(^|node_modules/)${escaped(name)}${tail}`
}

function error(name: string, from: Rule["from"], to: Rule["to"]): Rule {
  return { name, severity: "error", from, to }
}

/** From each package: nothing that stands in a higher row, beside the layers, or above all packages. */
function upwardImports(): Rule[] {
  const aside = Object.keys(beside)
  return layers.map((row, level) => {
    const higher = [...layers.slice(level + 1).flat(), ...aside]
    const to = [`^packages/${oneOf(higher)}/`, `^${oneOf(top)}/`]
    return error("upward-import", { path: `^packages/${oneOf(row)}/src/` }, { path: to })
  })
}

/** From each package: nothing of its own row; from each app: nothing of another app. */
function siblingImports(): Rule[] {
  const rows = layers.filter((row) => row.length > 1)
  const inRows = rows.map((row) =>
    error(
      "sibling-import",
      { path: `^packages/${oneOf(row)}/src/` },
      { path: `^packages/${oneOf(row)}/`, pathNot: "^packages/$1/" },
    ),
  )
  const apps = error("sibling-import", { path: "^apps/([^/]+)/" }, { path: "^apps/", pathNot: "^apps/$1/" })
  return [...inRows, apps]
}

function besideTheLayers(): Rule[] {
  return Object.entries(beside).map(([name, may]) =>
    error(
      "beside-the-layers",
      { path: `^packages/${name}/src/` },
      { path: [`^packages/`, `^${oneOf(top)}/`], pathNot: `^packages/${oneOf([name, ...may])}/` },
    ),
  )
}

function confinedModules(): Rule[] {
  return confined.map(({ rule, modules, allowedIn }) =>
    error(rule, { pathNot: [...allowedIn] }, { path: modules.map(moduleFiles) }),
  )
}

function workspaceNames(fields: readonly (Record<string, string> | undefined)[]): string[] {
  return fields
    .flatMap((field) => Object.keys(field ?? {}))
    .filter((name) => name.startsWith("@aurochs/"))
    .map((name) => name.slice("@aurochs/".length))
}

/** What a package's own `package.json` does not name; `src` may not lean on what is only there for tests. */
function undeclared(root: string, folders: readonly string[]): Rule[] {
  const third: Rule[] = [
    error(
      "undeclared-dependency",
      { pathNot: "^scripts/" },
      { dependencyTypes: ["npm-no-pkg", "npm-unknown"], pathNot: [...testTools.map(moduleFiles)] },
    ),
    error(
      "undeclared-dependency",
      { path: "^(packages|apps)/[^/]+/src/" },
      { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    ),
    error(
      "development-dependency-in-src",
      { path: "^(packages|apps)/[^/]+/src/" },
      { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["npm", "npm-peer", "npm-optional"] },
    ),
    error("unresolvable-import", {}, { couldNotResolve: true }),
  ]
  const own = folders.flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest
    const forUse = workspaceNames([manifest.dependencies, manifest.peerDependencies, manifest.optionalDependencies])
    const forTests = [...forUse, ...workspaceNames([manifest.devDependencies])]
    const others = (names: readonly string[]) => ({
      path: "^packages/",
      pathNot: [`^${folder}/`, ...(names.length > 0 ? [`^packages/${oneOf(names)}/`] : [])],
    })
    return [
      error("undeclared-dependency", { path: `^${folder}/src/` }, others(forUse)),
      error("undeclared-dependency", { path: `^${folder}/`, pathNot: `^${folder}/src/` }, others(forTests)),
    ]
  })
  return [...third, ...own]
}

function others(): Rule[] {
  return [
    error("cycle", {}, { circular: true }),
    error(
      "import-by-path",
      { path: "^(packages|apps)/([^/]+)/" },
      { path: "^(packages|apps)/[^/]+/(src|test)/", pathNot: "^$1/$2/" },
    ),
    error("test-code-in-src", { path: "^(packages|apps)/([^/]+)/src/" }, { path: "/test/", pathNot: "node_modules" }),
    error("core-stands-alone", { path: "^packages/core/src/" }, { path: "node_modules/" }),
  ]
}

/** Every folder with a `package.json`, except the root. */
export function packageFolders(root: string): string[] {
  const inside = ["packages", "apps"].flatMap((parent) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [],
  )
  return [...inside, "e2e", "bench"].filter((folder) => existsSync(join(root, folder, "package.json")))
}

/** Packages that the table of layers does not know, and names in it that no longer stand for a package. */
export function tableDrift(root: string): string[] {
  const known = new Set([...layers.flat(), ...Object.keys(beside)])
  const present = packageFolders(root)
    .filter((folder) => folder.startsWith("packages/"))
    .map((folder) => folder.slice("packages/".length))
  const missing = present.filter((name) => !known.has(name)).map((name) => `packages/${name} has no layer`)
  const gone = [...known].filter((name) => !present.includes(name)).map((name) => `no packages/${name} any more`)
  return [...missing, ...gone]
}

/**
 * Holds every import below `root` against the rules, type-only ones too. A package's siblings are seen as their built
 * `dist/`, which is resolved but not read: they must have been built.
 */
export async function forbiddenImports(
  root: string,
): Promise<{ readonly violations: Violation[]; readonly modules: number }> {
  const folders = packageFolders(root)
  const sources = [...folders, "scripts"]
    .flatMap((folder) => (folder.includes("/") ? [`${folder}/src`, `${folder}/test`, `${folder}/bench`] : [folder]))
    .filter((folder) => existsSync(join(root, folder)))
  const forbidden = [
    ...upwardImports(),
    ...siblingImports(),
    ...besideTheLayers(),
    ...confinedModules(),
    ...undeclared(root, folders),
    ...others(),
  ]
  const { output } = await cruise(
    sources,
    {
      baseDir: root,
      ruleSet: { forbidden },
      validate: true,
      tsPreCompilationDeps: true,
      doNotFollow: { path: ["node_modules", "(^|/)dist/"] },
      exclude: { path: "(^|/)\\.vite-temp/" },
    },
    {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "default"],
      extensions: [".ts", ".mjs", ".js", ".d.ts"],
    },
    { tsConfig: { options: { allowImportingTsExtensions: true } } },
  )
  const { modules, summary } = output as ICruiseResult
  const violations = summary.violations.map(({ rule, from, to, unresolvedTo }) => ({
    rule: rule.name,
    from,
    to: unresolvedTo ?? to,
  }))
  const unique = new Map(violations.map((violation) => [Object.values(violation).join("\n"), violation]))
  return { violations: [...unique.values()], modules: modules.length }
}
