import type { BareJid, CallOptions } from "@aurochs/core"
import type { KeyDirectory } from "../directory.ts"

/** Names of what a directory always asks. */
export function sourcesOf(directory: KeyDirectory): readonly string[] {
  return directory.sources ?? [directory.name]
}

/** Everything that has to be said before these are switched on. */
export function noticesOf(directories: readonly KeyDirectory[]): string | undefined {
  const notices = directories.flatMap(({ notice }) => (notice === undefined ? [] : [notice]))
  return notices.length === 0 ? undefined : notices.join("\n")
}

type Publishing = Pick<KeyDirectory, "publish" | "retract" | "changes" | "subscribe">

/**
 * Publishing and retracting of the first directory that can do both; the changes of all that tell any, and the
 * subscription of the first that has one. A key server,
 * from which nothing can be retracted, is never published to through a combination of several.
 */
export function publishingOf(directories: readonly KeyDirectory[]): Publishing {
  const place = directories.find((one) => one.publish !== undefined && one.retract !== undefined)
  const subscribing = directories.find((one) => one.subscribe !== undefined)
  const telling = directories.filter((one) => one.changes !== undefined)
  return {
    ...(place?.publish ? { publish: place.publish.bind(place) } : {}),
    ...(place?.retract ? { retract: place.retract.bind(place) } : {}),
    ...(subscribing?.subscribe ? { subscribe: subscribing.subscribe.bind(subscribing) } : {}),
    ...(telling.length > 0 ? { changes: (options?: CallOptions) => together(telling, options) } : {}),
  }
}

/** The changes of several directories, as they come. Ends when all have ended; fails when one fails. */
async function* together(directories: readonly KeyDirectory[], options: CallOptions = {}): AsyncGenerator<BareJid> {
  const leaving = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, leaving.signal]) : leaving.signal
  const iterators = directories.flatMap((one) => one.changes?.({ signal })[Symbol.asyncIterator]() ?? [])
  const next = (iterator: AsyncIterator<BareJid>) => iterator.next().then((result) => ({ iterator, result }))
  const pending = new Map(iterators.map((iterator) => [iterator, next(iterator)]))
  for (const waiting of pending.values()) waiting.catch(() => {})
  try {
    while (pending.size > 0) {
      const { iterator, result } = await Promise.race(pending.values())
      if (result.done) {
        pending.delete(iterator)
        continue
      }
      const following = next(iterator)
      following.catch(() => {})
      pending.set(iterator, following)
      yield result.value
    }
  } finally {
    leaving.abort()
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()))
  }
}
