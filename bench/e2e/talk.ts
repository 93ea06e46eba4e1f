import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/** What a bot's process is told. */
export type Order = { readonly id: number } & Task
/** {@link Order}, before it has a number. */
export type Task =
  | {
      readonly kind: "start"
      readonly user: string
      readonly service: string
      readonly database: string
      readonly engine: string
    }
  /** `perSecond` absent: as fast as they go. Answered when the server has them all. */
  | { readonly kind: "send"; readonly to: string; readonly count: number; readonly perSecond?: number | undefined }
  /** Answered when the handlers had so many in all. */
  | { readonly kind: "arrived"; readonly count: number }
  | { readonly kind: "usage"; readonly collect: boolean }
  | { readonly kind: "stop" }

/** What it answers. */
export interface Answer {
  readonly id: number
  readonly error?: string
  readonly latenciesMs?: readonly number[]
  readonly cpuMs?: number
  readonly heapBytes?: number
}

/** A bot in a process of its own. */
export interface BotProcess extends AsyncDisposable {
  ask(task: Task): Promise<Answer>
}

/** @param nodeArgs for the process, e.g. `--cpu-prof` */
export function botProcess(nodeArgs: readonly string[] = []): BotProcess {
  const child: ChildProcess = fork(fileURLToPath(new URL("bot.ts", import.meta.url)), [], {
    execArgv: ["--expose-gc", ...nodeArgs],
  })
  const kill = () => child.kill("SIGKILL")
  process.once("exit", kill)
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  let asked = 0
  child.on("message", (answer: Answer) => {
    const asker = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.error === undefined) asker?.resolve(answer)
    else asker?.reject(new Error(answer.error))
  })
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => {
      process.off("exit", kill)
      for (const { reject } of waiting.values()) reject(new Error("the bot's process ended"))
      resolve()
    })
  })
  return {
    ask(task) {
      asked += 1
      const id = asked
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        child.send({ ...task, id })
      })
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}
