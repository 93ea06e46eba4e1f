import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { programOr } from "@aurochs/debian-programs"
import type { BenchContext } from "./kit/types.ts"
import { type Operation, predicted, speedRuns } from "./limit.ts"

const execute = promisify(execFile)

/** Messages a second that `openssl speed` predicts for a list of operations; undefined if it cannot be asked here. */
export type Predict = (operations: readonly Operation[]) => number | undefined

/** Runs `openssl speed`, which takes some seconds; not in a short run. */
export async function askOpensslSpeed(context: BenchContext): Promise<Predict> {
  if (context.quick) return () => undefined
  const program = await programOr("openssl", "openssl")
  if (program.missing !== undefined) {
    context.skipped("the prediction of openssl speed", program.missing)
    return () => undefined
  }
  context.note("openssl speed …")
  const env = { ...process.env, ...program.env }
  const printed: string[] = []
  for (const args of speedRuns) printed.push((await execute(program.path, [...args], { env })).stdout)
  return (operations) => 1e6 / predicted(operations, printed.join("\n"))
}
