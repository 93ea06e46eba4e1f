import { aborted, type CallOptions, throwIfAborted } from "./call.ts"

/** Where the time comes from. Always passed in: tests, archives and skewed clocks need another one. */
export interface Clock {
  now(): Date
  /**
   * Resolves after `ms` milliseconds.
   *
   * @throws {AurochsError} `ABORTED`
   */
  sleep(ms: number, options?: CallOptions): Promise<void>
}

/** About 24.8 days: `setTimeout` takes anything above for 1 ms. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** The machine's clock. */
export function systemClock(): Clock {
  return {
    now: () => new Date(),
    async sleep(ms, options) {
      let restMs = ms
      do {
        await timeout(Math.min(restMs, LONGEST_TIMEOUT_MS), options)
        restMs -= LONGEST_TIMEOUT_MS
      } while (restMs > 0)
    },
  }
}

function timeout(ms: number, options: CallOptions | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    throwIfAborted(options)
    const signal = options?.signal
    const onAbort = () => {
      clearTimeout(timer)
      reject(aborted(signal))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort)
      resolve()
    }, ms)
    signal?.addEventListener("abort", onAbort, { once: true })
  })
}
