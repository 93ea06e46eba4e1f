import { Worker } from "node:worker_threads"
import { AurochsError, aborted, type CallOptions, throwIfAborted } from "@aurochs/core"
import { type Answer, type EngineDescription, type Order, unpackError, wipeSecrets } from "./protocol.ts"

/**
 * Calls that one worker is given at a time. They travel together, and their answers too: waking a thread costs as much as
 * a third of a message.
 */
const MAX_IN_FLIGHT = 16

/** One worker thread with an engine of its own. */
export interface Member {
  readonly engine: EngineDescription
  /** Undefined once it has ended. */
  thread: Worker | undefined
  inFlight: number
  /** Not sent yet: what is said in one turn of the event loop goes together. */
  outgoing: Order[]
}

/** What is to be done by a worker. */
export interface Job extends CallOptions {
  /** Makes the order for the worker that was chosen; what is secret in it is wiped once it is on its way. */
  order(member: Member, call: number): Order
  /** May the caller stop waiting before the worker has answered? Not if something may come of it that has to be kept track of. */
  readonly abandonable: boolean
}

/** Several workers, each with a queue as short as possible. */
export interface Crew {
  readonly members: readonly Member[]
  /**
   * Has the least busy of these workers do it, as soon as one has room.
   *
   * @throws {AurochsError} what the engine throws; `BACKEND` if no such worker is left; `ABORTED`
   */
  dispatch(job: Job, among: readonly Member[]): Promise<{ readonly value: unknown; readonly by: Member }>
  /** Sends something that nobody waits for. */
  tell(member: Member, order: Order): void
  /** Ends all threads. What is under way fails with `BACKEND`. */
  end(): Promise<void>
}

interface Waiting {
  readonly job: Job
  readonly among: readonly Member[]
  readonly resolve: (done: { value: unknown; by: Member }) => void
  readonly reject: (error: unknown) => void
  /** Who is doing it, under which number; undefined: nobody yet. */
  sent: { readonly by: Member; readonly call: number } | undefined
}

/**
 * Starts the workers and waits until each has its engine.
 *
 * @throws {AurochsError} `BACKEND` if one cannot be started
 */
export async function crew(script: URL, engine: URL, count: number): Promise<Crew> {
  let queue: Waiting[] = []
  const pending = new Map<number, Waiting>()
  const threads: Worker[] = []
  let lastCall = 0

  function answered(answer: Exclude<Answer, { kind: "ready" }>, by: Member): void {
    const waiting = pending.get(answer.call)
    pending.delete(answer.call)
    by.inFlight--
    if (by.inFlight === 0) by.thread?.unref()
    if (answer.kind === "done") waiting?.resolve({ value: answer.value, by })
    else waiting?.reject(unpackError(answer.error, by.engine.name))
  }

  /** Gives out what is waiting, first come, first served, as far as those who may do it have room. */
  function next(): void {
    queue = queue.filter((waiting) => {
      const member = leastBusy(waiting.among)
      if (member === undefined) return true
      if (member === "none") waiting.reject(gone())
      else send(waiting, member)
      return false
    })
  }

  function send(waiting: Waiting, by: Member): void {
    const call = ++lastCall
    waiting.sent = { by, call }
    pending.set(call, waiting)
    by.inFlight++
    // A pool that nobody waits for keeps no process alive.
    if (by.inFlight === 1) by.thread?.ref()
    tell(by, waiting.job.order(by, call))
  }

  function tell(member: Member, order: Order): void {
    member.outgoing.push(order)
    if (member.outgoing.length === 1) queueMicrotask(() => flush(member))
  }

  function flush(member: Member): void {
    const { outgoing } = member
    member.outgoing = []
    member.thread?.postMessage(outgoing)
    for (const order of outgoing) if (order.kind === "call") wipeSecrets(order.method, order.args)
  }

  function stop(waiting: Waiting): void {
    const { sent, job, reject } = waiting
    if (sent === undefined) queue = queue.filter((one) => one !== waiting)
    else tell(sent.by, { kind: "abort", call: sent.call })
    if (sent === undefined || job.abandonable) reject(aborted(job.signal))
  }

  async function start(): Promise<Member> {
    const thread = new Worker(script, { workerData: { engine: engine.href } })
    threads.push(thread)
    const { promise, resolve, reject } = Promise.withResolvers<Member>()
    let member: Member | undefined
    thread.on("message", (answers: readonly Answer[]) => {
      for (const answer of answers) {
        if (answer.kind !== "ready") {
          if (member !== undefined) answered(answer, member)
          continue
        }
        member = { engine: answer.engine, thread, inFlight: 0, outgoing: [] }
        thread.unref()
        resolve(member)
      }
      next()
    })
    // What it says of its end may quote anything.
    thread.on("error", () => reject(gone()))
    thread.on("exit", () => {
      reject(gone())
      if (member === undefined) return
      member.thread = undefined
      for (const [call, waiting] of pending) {
        if (waiting.sent?.by !== member) continue
        pending.delete(call)
        waiting.reject(gone())
      }
      next()
    })
    return promise
  }

  const members = await Promise.all(Array.from({ length: count }, start)).catch(async (error: unknown) => {
    await Promise.all(threads.map((thread) => thread.terminate()))
    throw error
  })
  return {
    members,
    async dispatch(job, among) {
      throwIfAborted(job)
      const { promise, resolve, reject } = Promise.withResolvers<{ value: unknown; by: Member }>()
      const waiting: Waiting = { job, among, resolve, reject, sent: undefined }
      const onAbort = () => stop(waiting)
      job.signal?.addEventListener("abort", onAbort, { once: true })
      try {
        queue.push(waiting)
        next()
        return await promise
      } finally {
        job.signal?.removeEventListener("abort", onAbort)
      }
    },
    tell,
    async end() {
      await Promise.all(threads.map((thread) => thread.terminate()))
    },
  }
}

/** @returns undefined: all are busy; `none`: all have ended */
function leastBusy(among: readonly Member[]): Member | "none" | undefined {
  const alive = among.filter(({ thread }) => thread !== undefined)
  if (alive.length === 0) return "none"
  const best = alive.reduce((a, b) => (b.inFlight < a.inFlight ? b : a))
  return best.inFlight < MAX_IN_FLIGHT ? best : undefined
}

function gone(): AurochsError<"BACKEND"> {
  return new AurochsError("BACKEND", "the worker has ended", { backend: "pool" })
}
