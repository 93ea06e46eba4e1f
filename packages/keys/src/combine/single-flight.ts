import { type CallOptions, orAborted, throwIfAborted } from "@aurochs/core"

/** A question that is under way. */
export interface Flight<T> {
  /**
   * The answer. Whoever aborts leaves; when nobody waits any more, the question is aborted.
   *
   * @throws {AurochsError} `ABORTED`, and what the question throws
   */
  wait(options: CallOptions): Promise<T>
}

interface UnderWay<T> {
  readonly answer: Promise<T>
  readonly stop: AbortController
  waiting: number
}

/** Makes those who ask for the same thing at the same time share one question. */
export function flights<T>(): (key: string, ask: (signal: AbortSignal) => Promise<T>) => Flight<T> {
  const all = new Map<string, UnderWay<T>>()
  return (key, ask) => {
    const existing = all.get(key)
    const flight = existing ?? begin(ask)
    if (existing === undefined) {
      all.set(key, flight)
      const over = () => {
        if (all.get(key) === flight) all.delete(key)
      }
      flight.answer.then(over, over)
    }
    return {
      async wait(options) {
        throwIfAborted(options)
        flight.waiting++
        try {
          return await orAborted(flight.answer, options)
        } finally {
          flight.waiting--
          if (flight.waiting === 0) {
            if (all.get(key) === flight) all.delete(key)
            flight.stop.abort()
          }
        }
      },
    }
  }
}

function begin<T>(ask: (signal: AbortSignal) => Promise<T>): UnderWay<T> {
  const stop = new AbortController()
  return { answer: ask(stop.signal), stop, waiting: 0 }
}
