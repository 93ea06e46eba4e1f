import { AurochsError } from "./errors.ts"

/** Given to every asynchronous call. */
export interface CallOptions {
  /** Abort to stop the call: it rejects with `ABORTED` and frees what it holds. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Throws if the caller has aborted.
 *
 * @throws {AurochsError} `ABORTED`
 */
export function throwIfAborted(options: CallOptions | undefined): void {
  if (options?.signal?.aborted) throw aborted(options.signal)
}

/** The error of an aborted call; its cause is the signal's reason. */
export function aborted(signal?: AbortSignal): AurochsError<"ABORTED"> {
  return new AurochsError("ABORTED", "the call was aborted", undefined, { cause: signal?.reason })
}

/**
 * Waits for work that goes on in any case, e.g. because others wait for it as well: the signal ends only this wait.
 *
 * @param work if nobody waits for it any more, its failure is nobody's
 * @throws {AurochsError} `ABORTED`, and what the work throws
 */
export async function orAborted<T>(work: Promise<T>, options: CallOptions | undefined): Promise<T> {
  const signal = options?.signal
  if (signal === undefined) return await work
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
