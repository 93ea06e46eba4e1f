import type { Reporter, TestModule } from "vitest/node"

/** Names what was skipped and why, then prints "N passed, N failed"; a file or a hook that failed counts as one failure. */
export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    let passed = 0
    let failed = unhandled.length
    const skipped: string[] = []
    for (const module of modules) {
      let own = 0
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === "passed") passed++
        else if (result.state === "failed") own++
        else if (result.state === "skipped") skipped.push(`${test.fullName}${result.note ? `: ${result.note}` : ""}`)
      }
      failed += own === 0 && module.state() === "failed" ? 1 : own
    }
    process.once("exit", () => {
      if (skipped.length > 0)
        console.log(`skipped (${skipped.length}):\n${skipped.map((name) => `  - ${name}`).join("\n")}`)
      console.log(`${passed} passed, ${failed} failed`)
    })
  }
}
