import type { CallOptions } from "@aurochs/core"

/** What is pushed is iterated, until aborted or ended. */
export interface Queue<T> {
  push(value: T): void
  end(error?: unknown): void
  values(options?: CallOptions): AsyncIterable<T>
  /** What nobody has taken yet. */
  readonly waiting: T[]
}

/** An empty queue. */
export function createQueue<T>(): Queue<T> {
  const waiting: T[] = []
  let over: { error: unknown } | undefined
  let wake = () => {}
  return {
    waiting,
    push(value) {
      waiting.push(value)
      wake()
    },
    end(error) {
      over ??= { error }
      wake()
    },
    async *values(options) {
      const onAbort = () => wake()
      options?.signal?.addEventListener("abort", onAbort)
      try {
        for (;;) {
          if (options?.signal?.aborted) return
          if (waiting.length > 0) yield waiting.shift() as T
          else if (over !== undefined) {
            if (over.error !== undefined) throw over.error
            return
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
        }
      } finally {
        options?.signal?.removeEventListener("abort", onAbort)
      }
    },
  }
}
