import { existsSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import ts from "typescript"

/** A public signature that shows a third party's type. */
export interface Leak {
  /** The package's folder. */
  readonly folder: string
  /** The export, and the names that lead from it to the type. */
  readonly trail: readonly string[]
  readonly module: string
  readonly file: string
}

interface Manifest {
  readonly exports?: Record<string, { readonly types?: string } | string>
}

/** `node:` modules and own packages may show; everything else is somebody else's. */
function isForeign(module: string): boolean {
  return !/^(\.|node:|@aurochs\/)/.test(module)
}

/** The declaration files that a package's `exports` name. */
export function entriesOf(root: string, folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest
  return Object.values(manifest.exports ?? {})
    .flatMap((entry) => (typeof entry === "string" || entry.types === undefined ? [] : [entry.types]))
    .map((types) => join(root, folder, types))
}

/** The module that an imported or re-exported name comes from, as written. */
function moduleOf(declaration: ts.Declaration): string | undefined {
  for (let node: ts.Node | undefined = declaration; node !== undefined; node = node.parent) {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const specifier = node.moduleSpecifier
      return specifier !== undefined && ts.isStringLiteral(specifier) ? specifier.text : undefined
    }
    if (ts.isSourceFile(node)) return undefined
  }
  return undefined
}

/** Walks what one export is made of, through the package's own declaration files. */
function leaksOf(checker: ts.TypeChecker, start: ts.Symbol, folder: string, root: string): Leak[] {
  const leaks: Leak[] = []
  const seen = new Set<ts.Symbol>()
  const visitSymbol = (symbol: ts.Symbol, trail: readonly string[]): void => {
    if (seen.has(symbol)) return
    seen.add(symbol)
    for (const declaration of symbol.declarations ?? []) {
      const file = declaration.getSourceFile().fileName
      const module = symbol.flags & ts.SymbolFlags.Alias ? moduleOf(declaration) : undefined
      if (module !== undefined && isForeign(module)) {
        leaks.push({ folder, trail, module, file: relative(root, file) })
      } else if (symbol.flags & ts.SymbolFlags.Alias) {
        const next = checker.getImmediateAliasedSymbol(symbol)
        if (next !== undefined) visitSymbol(next, trail)
      } else if (!file.includes("/node_modules/") && file.startsWith(`${join(root, folder)}/`)) {
        visitNode(declaration, trail)
      }
    }
  }
  const visitNode = (node: ts.Node, trail: readonly string[]): void => {
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      const module = node.argument.literal.text
      if (isForeign(module)) leaks.push({ folder, trail, module, file: relative(root, node.getSourceFile().fileName) })
    }
    if (ts.isIdentifier(node)) {
      const symbol = checker.getSymbolAtLocation(node)
      if (symbol !== undefined) visitSymbol(symbol, [...trail, node.text])
    }
    ts.forEachChild(node, (child) => visitNode(child, trail))
  }
  visitSymbol(start, [start.name])
  return leaks
}

/**
 * Reads the built declaration files of these packages from their `exports` on and names every foreign type that a
 * user of the package would see. Types that stay inside the package are its own business.
 *
 * @throws {Error} if a package was not built
 */
export function typeLeaks(
  root: string,
  folders: readonly string[],
): { readonly leaks: Leak[]; readonly exports: number } {
  const entries = folders.map((folder) => ({ folder, files: entriesOf(root, folder) }))
  const all = entries.flatMap(({ files }) => files)
  const missing = all.filter((file) => !existsSync(file))
  if (missing.length > 0) throw new Error(`not built: ${missing.map((file) => relative(root, file)).join(", ")}`)
  const program = ts.createProgram(all, {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  })
  const checker = program.getTypeChecker()
  let exports = 0
  const leaks = entries.flatMap(({ folder, files }) =>
    files.flatMap((file) => {
      const source = program.getSourceFile(file)
      const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
      const symbols = module === undefined ? [] : checker.getExportsOfModule(module)
      exports += symbols.length
      return symbols.flatMap((symbol) => leaksOf(checker, symbol, folder, root))
    }),
  )
  return { leaks, exports }
}
