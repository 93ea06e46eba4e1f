import { aborted, type CallOptions } from "@aurochs/core"

/**
 * What somebody else's work gives, for as long as this caller wants to wait for it. The work goes on without them.
 *
 * @throws {AurochsError} `ABORTED`, and what the work throws
 */
export async function orAborted<T>(work: Promise<T>, options: CallOptions | undefined): Promise<T> {
  const signal = options?.signal
  if (signal === undefined) return work
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(aborted(signal))
  if (signal.aborted) onAbort()
  signal.addEventListener("abort", onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener("abort", onAbort)
  }
}
