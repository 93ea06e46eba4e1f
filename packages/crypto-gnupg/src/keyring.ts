import { setTimeout as sleep } from "node:timers/promises"
import { throwIfAborted } from "@aurochs/core"
import type { Answer, Gpg, Task } from "./gpg.ts"
import type { Slots } from "./slots.ts"
import { isLocked } from "./status.ts"

/** Runs gpg on the homedir's own keyring; `done` says whether it did what it was asked to. */
export type OnKeyring = (task: Task, done: (answer: Answer) => boolean) => Promise<Answer>

const PAUSES_MS = [30, 150] as const

/**
 * One call after another, since gpg waits for its own lock. While another process changes the keyring there is a moment
 * in which gpg finds none, for reading or writing: what fails is tried again.
 */
export function onKeyring(gpg: Gpg, lane: Slots): OnKeyring {
  return (task, done) =>
    lane.use(task, async () => {
      let answer = await gpg(task)
      for (const ms of PAUSES_MS) {
        if (done(answer) || isLocked(answer.status)) return answer
        await sleep(ms, undefined, { signal: task.signal }).catch(() => throwIfAborted(task))
        answer = await gpg(task)
      }
      return answer
    })
}
