import type { CallOptions } from "@aurochs/core"

/** What is pushed comes out in order. */
export interface AsyncQueue<T> {
  push(value: T): void
  size(): number
  /** No more will come; with an error the consumer gets it after what is there. */
  end(error?: unknown): void
  /** Ends with the queue, or when the signal is aborted. What was not taken waits for the next consumer. */
  values(options?: CallOptions): AsyncGenerator<T, void, undefined>
}

/** @param onTaken called after a value was taken */
export function asyncQueue<T>(onTaken: () => void = () => {}): AsyncQueue<T> {
  const waiting: T[] = []
  let ending: { readonly error: unknown } | undefined
  let wake = () => {}
  return {
    push(value) {
      if (ending !== undefined) return
      waiting.push(value)
      wake()
    },
    size: () => waiting.length,
    end(error) {
      ending ??= { error }
      wake()
    },
    async *values(options) {
      const signal = options?.signal
      const onAbort = () => wake()
      signal?.addEventListener("abort", onAbort)
      try {
        while (signal?.aborted !== true) {
          if (waiting.length > 0) {
            const value = waiting.shift() as T
            onTaken()
            yield value
          } else if (ending !== undefined) {
            if (ending.error !== undefined) throw ending.error
            return
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
        }
      } finally {
        signal?.removeEventListener("abort", onAbort)
      }
    },
  }
}
