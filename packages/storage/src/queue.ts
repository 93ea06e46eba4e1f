import { aborted, type CallOptions, throwIfAborted } from "@aurochs/core"

/** Runs tasks one after the other. */
export type Queue = <R>(task: () => Promise<R>, options?: CallOptions) => Promise<R>

/** A queue of its own. A task that has begun runs to its end; one that still waits is given up on abort. */
export function queue(): Queue {
  let last: Promise<unknown> = Promise.resolve()
  return <R>(task: () => Promise<R>, options?: CallOptions): Promise<R> => {
    const signal = options?.signal
    if (signal?.aborted) return Promise.reject(aborted(signal))
    return new Promise<R>((resolve, reject) => {
      const onAbort = () => reject(aborted(signal))
      signal?.addEventListener("abort", onAbort, { once: true })
      last = last.then(async () => {
        signal?.removeEventListener("abort", onAbort)
        try {
          throwIfAborted(options)
          resolve(await task())
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}
