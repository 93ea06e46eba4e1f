import type { CallOptions } from "@aurochs/core"

/**
 * Runs `task` for each item, at most `atOnce` at a time, and yields the results in the order of the items. Leaving the
 * loop, or an error, aborts what is still under way.
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  task: (item: T, options: { readonly signal: AbortSignal }) => Promise<R>,
  o: { readonly atOnce: number } & CallOptions,
): AsyncGenerator<R> {
  const leaving = new AbortController()
  const signal = o.signal === undefined ? leaving.signal : AbortSignal.any([o.signal, leaving.signal])
  const started: Promise<R>[] = []
  const startNext = () => {
    const item = items[started.length]
    if (item === undefined) return
    const result = task(item, { signal })
    // It is awaited below, or nobody wants it any more.
    result.catch(() => {})
    started.push(result)
  }
  try {
    while (started.length < Math.min(o.atOnce, items.length)) startNext()
    for (let i = 0; i < started.length; i++) {
      const result = await (started[i] as Promise<R>)
      startNext()
      yield result
    }
  } finally {
    leaving.abort()
  }
}
