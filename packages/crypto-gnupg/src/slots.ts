import { aborted, type CallOptions, throwIfAborted } from "@aurochs/core"

/** Runs at most so many pieces of work at once; the others wait in line. */
export interface Slots {
  /** @throws {AurochsError} `ABORTED`, also while it waits */
  use<T>(options: CallOptions, work: () => Promise<T>): Promise<T>
}

/** @param count at least 1 */
export function slots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  const release = () => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
  const acquire = (options: CallOptions) => {
    throwIfAborted(options)
    if (free > 0) {
      free--
      return
    }
    return new Promise<void>((resolve, reject) => {
      const { signal } = options
      const onAbort = () => {
        waiting.splice(waiting.indexOf(go), 1)
        reject(aborted(signal))
      }
      const go = () => {
        signal?.removeEventListener("abort", onAbort)
        resolve()
      }
      signal?.addEventListener("abort", onAbort, { once: true })
      waiting.push(go)
    })
  }
  return {
    async use(options, work) {
      await acquire(options)
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}
