import { aborted, type CallOptions, throwIfAborted } from "@aurochs/core"

/** Lets a bounded number of calls through at a time, in the order in which they came. */
export interface Gate {
  /**
   * Runs `work` when there is room.
   *
   * @throws {AurochsError} `ABORTED` if the caller gave up while waiting
   */
  through<T>(options: CallOptions, work: () => Promise<T>): Promise<T>
}

/** @param room how many at a time */
export function gate(room: number): Gate {
  let free = room
  const waiting: (() => void)[] = []
  const enter = ({ signal }: CallOptions) =>
    new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener("abort", giveUp)
        resolve()
      }
      const giveUp = () => {
        waiting.splice(waiting.indexOf(go), 1)
        reject(aborted(signal))
      }
      waiting.push(go)
      signal?.addEventListener("abort", giveUp, { once: true })
    })
  const leave = () => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
  return {
    async through(options, work) {
      throwIfAborted(options)
      if (free > 0) free--
      else await enter(options)
      try {
        throwIfAborted(options)
        return await work()
      } finally {
        leave()
      }
    },
  }
}
