import { expect, test } from "vitest"
import { fileFaults, publishable } from "../check/files.ts"
import { makeTree, type Tree } from "./tree.ts"

/** Gives every package of the tree what the rules ask for. */
function complete(tree: Tree): void {
  for (const { folder, name } of publishable(tree.root)) {
    tree.write(`${folder}/package.json`, JSON.stringify({ name, license: "MIT" }))
    tree.write(`${folder}/README.md`, `# ${name}\n\nDoes something.\n\nLike this.\n`)
    tree.write(`${folder}/LICENSE`, "MIT")
    tree.write(`${folder}/test/some.test.ts`, "test()\n")
    tree.write(`.changeset/${folder.replace("/", "-")}.md`, `---\n"${name}": minor\n---\n\nFirst release.\n`)
  }
}

test("a tree that has everything passes", () => {
  using tree = makeTree()
  complete(tree)
  expect(fileFaults(tree.root)).toEqual([])
})

test("what a package lacks is named", () => {
  using tree = makeTree()
  complete(tree)
  tree.write("packages/stray/package.json", JSON.stringify({ name: "@aurochs/stray" }))
  expect(fileFaults(tree.root)).toEqual([
    "packages/stray: no README.md",
    "packages/stray: no LICENSE",
    "packages/stray: the licence is not MIT",
    "packages/stray: neither CHANGELOG.md nor a changeset",
    "packages/stray: no tests",
  ])
})

test.each([
  ["a file of 401 lines", "src/long.ts", "//\n".repeat(401), "401 lines, 400 is the most"],
  ["an open end", "src/open.ts", `// ${"TO"}DO: later\n`, "an open end (TODO, FIXME, XXX)"],
  ["a default export", "src/default.ts", "export default 1\n", "a default export"],
  ["export *", "src/star.ts", 'export * from "./index.ts"\n', "export *"],
  ["a hidden type error", "src/hidden.ts", `// @ts-${"ignore"}\n`, "an error of the type checker is hidden"],
  ["a test left out", "test/left.test.ts", `test.${"skip"}("x", () => {})\n`, "a test is left out (only, skip, todo)"],
])("%s is caught", (_, file, text, fault) => {
  using tree = makeTree()
  complete(tree)
  tree.write(`packages/xml/${file}`, text)
  expect(fileFaults(tree.root)).toEqual([`packages/xml/${file}: ${fault}`])
})
