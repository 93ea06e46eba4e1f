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

/** The machine's clock. */
export function systemClock(): Clock {
  return {
    now: () => new Date(),
    sleep(ms, options) {
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
    },
  }
}
