import { aborted, throwIfAborted } from "@aurochs/core"

/**
 * Waits for something that others may be waiting for as well: the signal ends only this wait.
 *
 * @throws {AurochsError} `ABORTED`, and what `answer` throws
 */
export function orAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer
  return new Promise((resolve, reject) => {
    throwIfAborted({ signal })
    const onAbort = () => reject(aborted(signal))
    signal.addEventListener("abort", onAbort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort))
  })
}
