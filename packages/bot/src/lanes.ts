/** Work in lanes: in order within one, concurrently between them. */
export interface Lanes {
  /** Queues a task. Resolves when there is room for more, so that who fills the lanes is slowed down. */
  add(lane: string, task: () => Promise<void>): Promise<void>
  /** Starts nothing more; resolves when what runs has ended. What had not begun is dropped. */
  stop(): Promise<void>
  /** Resolves when nothing runs or waits. */
  idle(): Promise<void>
}

/**
 * @param options.concurrency lanes at work at the same time
 * @param options.maxQueued tasks that may wait before `add` slows its caller down
 * @param options.onError a task threw; the lane goes on
 */
export function createLanes(options: {
  readonly concurrency: number
  readonly maxQueued: number
  readonly onError: (error: unknown) => void
}): Lanes {
  const waiting = new Map<string, (() => Promise<void>)[]>()
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
      const task = tasks.shift()
      if (tasks.length === 0) waiting.delete(lane)
      if (task === undefined) continue
      queued -= 1
      busy.add(lane)
      void task()
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
