import { fileURLToPath } from "node:url"
import type { Reporter, TestModule, Vitest } from "vitest/node"
import { secretsIn } from "./secrets-in.ts"

const WATCH = fileURLToPath(new URL("watch-secrets.ts", import.meta.url))

/**
 * Looks for the tests' secrets in everything that was logged and in every error of the run, and has every process of the
 * tests do so with what the programs write that it starts (`watch-secrets.ts`). One that is found makes the run fail.
 */
export default class Secrets implements Reporter {
  readonly #found = new Map<string, string>()
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
    for (const { config } of vitest.projects) config.setupFiles = [WATCH, ...config.setupFiles]
  }

  onUserConsoleLog({ content, taskId = "a log" }: Parameters<NonNullable<Reporter["onUserConsoleLog"]>>[0]): void {
    const entity = this.#vitest?.state.idMap.get(taskId)
    this.#look(content, entity === undefined ? taskId : `${entity.file.name} > ${entity.name}`)
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        for (const { message, stack } of test.result().errors ?? []) this.#look(`${message}\n${stack}`, test.fullName)
      }
    }
    for (const error of unhandled) this.#look(String((error as Error)?.stack ?? error), "an unhandled error")
    if (this.#found.size === 0) return
    process.exitCode = 1
    process.once("exit", () => {
      console.log(
        `secrets in logs or errors:\n${[...this.#found].map(([at, what]) => `  - ${at}: ${what}`).join("\n")}`,
      )
    })
  }

  #look(text: string, at: string): void {
    const found = secretsIn(text)
    if (found.length > 0) this.#found.set(at, found.join(", "))
  }
}
