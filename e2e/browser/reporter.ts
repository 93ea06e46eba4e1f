import { writeFileSync } from "node:fs"
import { relative } from "node:path"
import type { Reporter, TestModule } from "vitest/node"

/** What became of one test in the browser. */
export interface InBrowser {
  readonly title: string
  readonly state: "passed" | "failed" | "skipped"
  /** Why it was skipped, or what went wrong. */
  readonly note: string
}

/** Writes what became of each test, as JSON, into the file that `AUROCHS_RESULTS` names. */
export const resultsReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message?: string; stack?: string }[]): void {
    const results: InBrowser[] = unhandled.map((error) => ({
      title: "no error outside of a test",
      state: "failed",
      note: `${error.message}\n${error.stack}`,
    }))
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId)
      const add = (name: string, state: InBrowser["state"], note: string): void => {
        results.push({ title: `${file} > ${name}`, state, note })
      }
      for (const error of module.errors()) add("loads", "failed", `${error.message}\n${error.stack}`)
      for (const test of module.children.allTests()) {
        const result = test.result()
        const errors = (result.errors ?? []).map((error) => `${error.message}\n${error.stack ?? ""}`)
        const note = result.state === "skipped" ? (result.note ?? "") : errors.join("\n")
        add(test.fullName, result.state === "pending" ? "failed" : result.state, note)
      }
    }
    writeFileSync(process.env.AUROCHS_RESULTS ?? "results.json", JSON.stringify(results))
  },
}
