import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { packageFiles } from "./templates.ts"

/** Where a new package comes from in what all packages share. */
const LIKE = "crypto-openpgpjs"

/** What {@link newCryptoProvider} did, as paths from the root. */
export interface Made {
  readonly made: readonly string[]
  readonly changed: readonly string[]
}

/**
 * Makes `packages/crypto-NAME`: a factory whose methods all fail with `UNSUPPORTED`, the suite that says so, and its
 * entries in the tables of the repository.
 *
 * @param root of the repository
 * @param name of the engine: lower-case letters and digits, with single dashes
 * @throws {Error} for a name that cannot be one, and for one that is taken; nothing was written then
 */
export function newCryptoProvider(root: string, name: string): Made {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new Error(`"${name}" is no name: lower-case letters and digits, with single dashes`)
  }
  const folder = `packages/crypto-${name}`
  if (existsSync(join(root, folder))) throw new Error(`${folder} is there already`)
  const files = packageFiles(name)
  const tables = Object.entries(entries(name)).map(([file, [after, line]]) => {
    return [file, inserted(file, readFileSync(join(root, file), "utf8"), after, line)] as const
  })
  for (const [file, text] of Object.entries(files)) write(join(root, file), text)
  copyFileSync(join(root, `packages/${LIKE}/LICENSE`), join(root, `${folder}/LICENSE`))
  for (const [file, text] of tables) writeFileSync(join(root, file), text)
  return { made: [...Object.keys(files), `${folder}/LICENSE`], changed: tables.map(([file]) => file) }
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** What each table gets, and behind what. */
function entries(name: string): Readonly<Record<string, readonly [after: RegExp, line: string]>> {
  const full = `crypto-${name}`
  return {
    "scripts/layers.ts": [new RegExp(`^  \\[.*"${LIKE}"`, "m"), `, "${full}"`],
    "docs/architecture.md": [new RegExp(`^\\| 2 \\|.*\`${LIKE}\``, "m"), `, \`${full}\``],
    "README.md": [
      new RegExp(`^\\| \\[\`@aurochs/${LIKE}\`\\].*\\|$`, "m"),
      `\n| [\`@aurochs/${full}\`](packages/${full}) | ${name} as an engine |`,
    ],
  }
}

function inserted(file: string, text: string, after: RegExp, line: string): string {
  const found = after.exec(text)
  if (found === null) throw new Error(`${file} has no place for it: nothing matches ${after}`)
  const at = found.index + found[0].length
  const changed = text.slice(0, at) + line + text.slice(at)
  // The picture of the layers, one line for each package.
  const full = line.match(/crypto-[a-z0-9-]+/)?.[0] ?? ""
  return file === "README.md" ? changed.replace(`    ${LIKE}\n`, `    ${LIKE}\n    ${full}\n`) : changed
}
