/** Work in lanes: in order within one, concurrently between them. */
export interface Lanes<T> {
  /** Queues a task. Resolves when there is room for more, so that who fills the lanes is slowed down. */
  add(lane: string, task: T): Promise<void>
  /** Starts nothing more; resolves when what runs has ended. What had not begun is dropped. */
  stop(): Promise<void>
  /** Resolves when nothing runs or waits. */
  idle(): Promise<void>
}

/**
 * @param options.work does what waits in one lane, in this order, one call at a time for each lane
 * @param options.concurrency lanes at work at the same time
 * @param options.maxQueued tasks that may wait before `add` slows its caller down
 * @param options.maxTogether tasks that `work` is given at once
 * @param options.onError `work` threw; the lane goes on
 */
export function createLanes<T>(options: {
  readonly work: (tasks: readonly T[]) => Promise<void>
  readonly concurrency: number
  readonly maxQueued: number
  readonly maxTogether: number
  readonly onError: (error: unknown) => void
}): Lanes<T> {
  const waiting = new Map<string, T[]>()
  const busy = new Set<string>()
  let queued = 0
  let stopped = false
  const listeners = new Set<() => void>()

  const changed = () => {
    for (const listener of [...listeners]) listener()
  }
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = () => {
        if (!condition()) return
        listeners.delete(check)
        resolve()
      }
      listeners.add(check)
      check()
    })

  const next = () => {
    for (const [lane, tasks] of waiting) {
      if (stopped || busy.size >= options.concurrency) return
      if (busy.has(lane)) continue
      const together = tasks.splice(0, options.maxTogether)
      if (tasks.length === 0) waiting.delete(lane)
      queued -= together.length
      busy.add(lane)
      void options
        .work(together)
        .catch(options.onError)
        .finally(() => {
          busy.delete(lane)
          next()
          changed()
        })
    }
  }

  return {
    async add(lane, task) {
      if (stopped) return
      const tasks = waiting.get(lane)
      if (tasks === undefined) waiting.set(lane, [task])
      else tasks.push(task)
      queued += 1
      next()
      await until(() => stopped || queued < options.maxQueued)
    },
    async stop() {
      stopped = true
      waiting.clear()
      queued = 0
      changed()
      await until(() => busy.size === 0)
    },
    idle: () => until(() => busy.size === 0 && queued === 0),
  }
}
