import { publishable } from "./files.ts"
import { type Ran, runNode, toolFile } from "./run.ts"

/** The packages that `pnpm publish -r` would publish, against those that are meant to be. */
export async function publishList(root: string): Promise<Ran> {
  const meant = publishable(root).map(({ name }) => name)
  // --force: also what the registry has already; only the list matters here. Provenance needs a release workflow.
  const run = await runNode(root, toolFile(root, "pnpm"), [
    ...["publish", "-r", "--dry-run", "--no-git-checks", "--force", "--no-provenance"],
  ])
  const listed = [...run.output.matchAll(/^\+ (@?[^\s@]+)@\S+$/gm)].map((match) => match[1] ?? "").sort()
  const lists = `would be published (${listed.length}):\n  ${listed.join("\n  ")}\nnot private (${meant.length}):\n  ${meant.join("\n  ")}`
  if (!run.ok) return { ok: false, output: `${run.output}\n${lists}` }
  return { ok: listed.join() === meant.join(), output: lists }
}
