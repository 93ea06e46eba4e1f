import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { playwright } from "@vitest/browser-playwright"
import { defineConfig } from "vitest/config"
import { resultsReporter } from "./reporter.ts"

// The tests of the packages that run in browsers too, in headless Chromium. Started by ../browser.test.ts.

const root = fileURLToPath(new URL("../..", import.meta.url))
const PACKAGES = ["core", "xml", "crypto", "crypto-openpgpjs", "message"]

/** Does the file, or one of its package that it imports, ask for a module of Node or for what only Node has? */
function isNodeBound(file: string, seen: Set<string> = new Set()): boolean {
  if (seen.has(file)) return false
  seen.add(file)
  const text = readFileSync(file, "utf8")
  if (/ from "node:|\b(?:Buffer|process)\./.test(text)) return true
  const imports = [...text.matchAll(/ from "(\.[^"]+)"/g)].map((match) => join(dirname(file), match[1] ?? ""))
  return imports.some((one) => isNodeBound(one, seen))
}

function testsOf(name: string): string[] {
  const folder = join(root, "packages", name, "test")
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".test.ts"))
  return files.map((file) => join(folder, file)).filter((file) => !isNodeBound(file))
}

export default defineConfig({
  root,
  cacheDir: join(root, ".aurochs/vite"),
  test: {
    name: "browser",
    include: PACKAGES.flatMap(testsOf).map((file) => relative(root, file)),
    reporters: [resultsReporter],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          executablePath: process.env.AUROCHS_CHROMIUM ?? "/usr/bin/chromium",
          args: [
            // The sandbox works neither for root nor from a folder into which it was unpacked.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
          ],
        },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
})
