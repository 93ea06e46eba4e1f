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
