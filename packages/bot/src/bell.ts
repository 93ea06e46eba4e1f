import { type CallOptions, type Clock, isAurochsError } from "@aurochs/core"

/** Wakes one waiting loop. Rung while nobody waits, it is remembered once. */
export interface Bell {
  ring(): void
  /** Resolves when rung or after `ms` milliseconds of `clock`; also when aborted, without an error. */
  wait(ms: number, clock: Clock, options?: CallOptions): Promise<void>
}

/** A bell that was not rung yet. */
export function createBell(): Bell {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring() {
      rung = true
      wake?.()
    },
    async wait(ms, clock, options) {
      if (!rung && !options?.signal?.aborted) {
        const over = new AbortController()
        const signal = options?.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal])
        const heard = new Promise<void>((resolve) => {
          wake = resolve
        })
        const slept = clock.sleep(ms, { signal }).catch((error: unknown) => {
          if (!isAurochsError(error, "ABORTED")) throw error
        })
        try {
          await Promise.race([heard, slept])
        } finally {
          wake = undefined
          over.abort()
        }
      }
      rung = false
    },
  }
}
