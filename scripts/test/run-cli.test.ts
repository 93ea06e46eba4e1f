import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const script = fileURLToPath(new URL("../run-cli.mjs", import.meta.url))
const manifest = fileURLToPath(new URL("../../apps/cli/package.json", import.meta.url))

function aurochs(...args: string[]) {
  const env = { ...process.env, AUROCHS_CWD: tmpdir() }
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8", input: "", env })
}

test("nothing but the command line's own output goes to stdout", () => {
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string }
  const { stdout, status } = aurochs("--version")
  expect([stdout, status]).toEqual([`${version}\n`, 0])
})

test("the command line's exit code is passed on", () => {
  expect(aurochs("no-such-command").status).toBe(2)
})
