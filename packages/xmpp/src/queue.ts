import { aborted, type CallOptions } from "@aurochs/core"

/** What is pushed comes out in order, for one consumer. */
export interface AsyncQueue<T> {
  push(value: T): void
  /** No more will come; with an error the consumer gets it after what is there. */
  end(error?: unknown): void
  /** Leaving the loop ends the queue. @throws {AurochsError} `ABORTED` */
  values(options?: CallOptions): AsyncIterableIterator<T>
}

/** @param onLeave called when the consumer has left */
export function asyncQueue<T>(onLeave: () => void = () => {}): AsyncQueue<T> {
  const waiting: T[] = []
  let ended = false
  let failure: { readonly error: unknown } | undefined
  let wake = () => {}
  return {
    push(value) {
      if (ended) return
      waiting.push(value)
      wake()
    },
    end(error) {
      if (ended) return
      ended = true
      if (error !== undefined) failure = { error }
      wake()
    },
    async *values(options) {
      const signal = options?.signal
      const onAbort = () => wake()
      signal?.addEventListener("abort", onAbort)
      try {
        for (;;) {
          if (signal?.aborted) throw aborted(signal)
          if (waiting.length > 0) {
            yield waiting.shift() as T
            continue
          }
          if (failure !== undefined) throw failure.error
          if (ended) return
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      } finally {
        signal?.removeEventListener("abort", onAbort)
        onLeave()
      }
    },
  }
}
