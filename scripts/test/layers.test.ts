import { expect, test } from "vitest"
import { checks } from "../check/checks.ts"
import { makeTree, type Tree } from "./tree.ts"

/** The lines that the named check of `npm run check` prints for this tree; none if it passes. */
async function faultsOf(tree: Tree, check: string): Promise<string[]> {
  const found = checks.find(({ name }) => name.startsWith(check))
  const result = await found?.run(tree.root)
  if (result === undefined) throw new Error(`no check ${check}`)
  const lines = result.output.split("\n").filter((line) => line !== "")
  expect(result.ok).toBe(lines.length === 0)
  return lines
}

const importFaults = (tree: Tree): Promise<string[]> => faultsOf(tree, "layers")
const typeFaults = (tree: Tree): Promise<string[]> => faultsOf(tree, "no third-party types")

test("a tree that keeps the rules passes", async () => {
  using tree = makeTree()
  expect(await importFaults(tree)).toEqual([])
  expect(await typeFaults(tree)).toEqual([])
})

interface Planted {
  readonly kind: string
  plant(tree: Tree): void
  readonly fault: string | RegExp
}

const planted: readonly Planted[] = [
  {
    kind: "an upward import",
    plant(tree) {
      tree.declare("packages/xml", "@aurochs/message")
      tree.write("packages/xml/src/planted.ts", 'export { It } from "@aurochs/message"\n')
    },
    fault: /^upward-import: packages\/xml\/src\/planted\.ts → /,
  },
  {
    kind: "an upward import of a type only",
    plant(tree) {
      tree.declare("packages/keys", "@aurochs/bot")
      tree.write("packages/keys/src/planted.ts", 'import type { It } from "@aurochs/bot"\nexport type Mine = It\n')
    },
    fault: /^upward-import: packages\/keys\/src\/planted\.ts → /,
  },
  {
    kind: "a suite imported by what it tests",
    plant(tree) {
      tree.declare("packages/storage", "@aurochs/conformance")
      tree.write("packages/storage/src/planted.ts", 'import "@aurochs/conformance"\n')
    },
    fault: /^upward-import: packages\/storage\/src\/planted\.ts → /,
  },
  {
    kind: "an adapter imported by the suites",
    plant(tree) {
      tree.declare("packages/conformance", "@aurochs/xmpp")
      tree.write("packages/conformance/src/planted.ts", 'import "@aurochs/xmpp"\n')
    },
    fault: /^beside-the-layers: packages\/conformance\/src\/planted\.ts → /,
  },
  {
    kind: "a sibling import",
    plant(tree) {
      tree.declare("packages/xml", "@aurochs/crypto")
      tree.write("packages/xml/src/planted.ts", 'import "@aurochs/crypto"\n')
    },
    fault: /^sibling-import: packages\/xml\/src\/planted\.ts → /,
  },
  {
    kind: "an app that imports another app",
    plant(tree) {
      tree.write("apps/echo/src/planted.ts", 'import "../../other/dist/index.js"\n')
    },
    fault: /^sibling-import: apps\/echo\/src\/planted\.ts → /,
  },
  {
    kind: "a cycle",
    plant(tree) {
      tree.write("packages/xml/src/one.ts", 'import { two } from "./two.ts"\nexport const one = () => two\n')
      tree.write("packages/xml/src/two.ts", 'import { one } from "./one.ts"\nexport const two = () => one\n')
    },
    fault: /^cycle: packages\/xml\/src\/one\.ts → /,
  },
  {
    kind: "an undeclared dependency that only the root names",
    plant(tree) {
      tree.write("packages/xml/src/planted.ts", 'import "left-pad"\n')
    },
    fault: /^undeclared-dependency: packages\/xml\/src\/planted\.ts → /,
  },
  {
    kind: "an undeclared dependency of a test",
    plant(tree) {
      tree.write("packages/xml/test/planted.test.ts", 'import "left-pad"\n')
    },
    fault: /^undeclared-dependency: packages\/xml\/test\/planted\.test\.ts → /,
  },
  {
    kind: "an undeclared package of our own",
    plant(tree) {
      tree.link("packages/bot", "@aurochs/xml")
      tree.write("packages/bot/src/planted.ts", 'import "@aurochs/xml"\n')
    },
    fault: /^undeclared-dependency: packages\/bot\/src\/planted\.ts → /,
  },
  {
    kind: "a dependency that is there for tests only",
    plant(tree) {
      tree.declare("packages/xml", "left-pad", "devDependencies")
      tree.write("packages/xml/src/planted.ts", 'import "left-pad"\n')
    },
    fault: /^development-dependency-in-src: packages\/xml\/src\/planted\.ts → /,
  },
  {
    kind: "a module that is nowhere",
    plant(tree) {
      tree.write("packages/xml/src/planted.ts", 'import "nowhere"\n')
    },
    fault: "unresolvable-import: packages/xml/src/planted.ts → nowhere",
  },
  {
    kind: "a package imported by its path",
    plant(tree) {
      tree.write("packages/bot/src/planted.ts", 'import "../../message/src/index.ts"\n')
    },
    fault: /^import-by-path: packages\/bot\/src\/planted\.ts → /,
  },
  {
    kind: "openpgp outside the providers",
    plant(tree) {
      tree.declare("packages/keys", "openpgp")
      tree.write("packages/keys/src/planted.ts", 'import "openpgp"\n')
    },
    fault: /^openpgp-outside-providers: packages\/keys\/src\/planted\.ts → /,
  },
  {
    kind: "an ltx type outside xmpp",
    plant(tree) {
      tree.declare("packages/bot", "ltx")
      tree.write("packages/bot/src/planted.ts", 'import type { Element } from "ltx"\nexport type Mine = Element\n')
    },
    fault: /^ltx-outside-xmpp: packages\/bot\/src\/planted\.ts → /,
  },
  {
    kind: "a database driver outside storage-postgres",
    plant(tree) {
      tree.declare("apps/echo", "pg")
      tree.write("apps/echo/src/planted.ts", 'import "pg"\n')
    },
    fault: /^database-outside-storage-postgres: apps\/echo\/src\/planted\.ts → /,
  },
  {
    kind: "undici outside the one HTTP client of keys",
    plant(tree) {
      tree.write("packages/keys/src/planted.ts", 'import "undici"\n')
    },
    fault: /^undici-outside-keys-http: packages\/keys\/src\/planted\.ts → /,
  },
  {
    kind: "dns-packet outside the DNS client of keys",
    plant(tree) {
      tree.declare("packages/message", "dns-packet")
      tree.write("packages/message/src/planted.ts", 'import "dns-packet"\n')
    },
    fault: /^dns-packet-outside-keys-dns: packages\/message\/src\/planted\.ts → /,
  },
  {
    kind: "a package without a layer",
    plant(tree) {
      tree.write("packages/stray/package.json", '{ "name": "@aurochs/stray" }')
    },
    fault: "packages/stray has no layer",
  },
]

test.each(planted)("$kind is caught, and nothing else", async ({ plant, fault }) => {
  using tree = makeTree()
  plant(tree)
  const faults = await importFaults(tree)
  // One planted import may break two rules (by path and by name): the named one must be there, from that file only.
  expect(faults).toContainEqual(typeof fault === "string" ? fault : expect.stringMatching(fault))
  expect(faults.filter((line) => !/planted|one\.ts|two\.ts|stray/.test(line))).toEqual([])
})

test("openpgp is free in a provider, in tests and in benches", async () => {
  using tree = makeTree()
  tree.declare("packages/message", "openpgp", "devDependencies")
  tree.write("packages/message/test/some.test.ts", 'import "openpgp"\n')
  expect(await importFaults(tree)).toEqual([])
})

test("a third party's type in a public signature is caught, with the way to it", async () => {
  using tree = makeTree()
  tree.write("packages/xmpp/dist/index.d.ts", 'export { connect } from "./connect.js"\n')
  tree.write(
    "packages/xmpp/dist/connect.d.ts",
    'import type { Element } from "ltx"\ninterface Inner { raw: Element }\nexport declare function connect(): Inner\n',
  )
  expect(await typeFaults(tree)).toEqual([
    "packages/xmpp: connect → Inner → raw → Element is from ltx (packages/xmpp/dist/connect.d.ts)",
  ])
})

test("a third party's type written as import(…) is caught", async () => {
  using tree = makeTree()
  tree.write("packages/keys/dist/index.d.ts", 'export declare function read(): import("openpgp").Element\n')
  expect(await typeFaults(tree)).toEqual([expect.stringContaining("packages/keys: read is from openpgp")])
})

test("a third party's type that stays inside its package is nobody's business", async () => {
  using tree = makeTree()
  tree.write("packages/xmpp/dist/index.d.ts", 'export { connect } from "./connect.js"\n')
  tree.write(
    "packages/xmpp/dist/connect.d.ts",
    'import type { Element } from "ltx"\nexport declare function inner(e: Element): void\nexport declare function connect(): string\n',
  )
  expect(await typeFaults(tree)).toEqual([])
})
