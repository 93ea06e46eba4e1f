import { aborted, type Clock } from "@aurochs/core"

/** The machine's clock, that can be put forward: who sleeps wakes when his time has come. */
export interface TestClock extends Clock {
  advance(ms: number): Promise<void>
}

/** @param startMs ahead of the machine's clock, milliseconds */
export function testClock(startMs = 0): TestClock {
  let offset = startMs
  const sleepers = new Set<{ readonly until: number; wake(): void }>()
  const now = () => Date.now() + offset
  return {
    now: () => new Date(now()),
    sleep(ms, options) {
      return new Promise((resolve, reject) => {
        const signal = options?.signal
        if (signal?.aborted) return reject(aborted(signal))
        const end = () => {
          clearTimeout(timer)
          sleepers.delete(sleeper)
          signal?.removeEventListener("abort", onAbort)
        }
        const onAbort = () => {
          end()
          reject(aborted(signal))
        }
        const sleeper = {
          until: now() + ms,
          wake() {
            end()
            resolve()
          },
        }
        const timer = setTimeout(sleeper.wake, ms)
        sleepers.add(sleeper)
        signal?.addEventListener("abort", onAbort, { once: true })
      })
    },
    async advance(ms) {
      offset += ms
      for (const sleeper of [...sleepers]) if (sleeper.until <= now()) sleeper.wake()
      await new Promise((resolve) => setTimeout(resolve, 1))
    },
  }
}
