import { Worker } from "node:worker_threads"
import { AurochsError, aborted, type CallOptions, throwIfAborted } from "@aurochs/core"
import { type FrameReader, type FrameWriter, frameReader, frameWriter, isFrames } from "./frames.ts"
import {
  type Answer,
  type EngineDescription,
  type FromWorker,
  memoryOf,
  type Order,
  secretArgs,
  unpackError,
  wipe,
} from "./protocol.ts"
import { restarts } from "./restarts.ts"
import { readValue } from "./usual.ts"

/**
 * Calls that one worker is given at a time: as many as it begins in one turn, and as many again, so that there is
 * something to do while answers travel.
 */
const MAX_IN_FLIGHT = 16

/** One worker thread with an engine of its own. */
export interface Member {
  readonly engine: EngineDescription
  /** Undefined once it has ended. */
  thread: Worker | undefined
  inFlight: number
  /** Not sent yet: what is said in one turn of the event loop goes together, in this order. */
  outgoing: (Order | FrameWriter)[]
}

/** What is to be done by a worker. */
export interface Job extends CallOptions {
  /** Has this worker all that is needed? */
  fits(member: Member): boolean
  /** Would any worker do, also one that is yet to be started? */
  readonly anybody: boolean
  /** Says it to the worker that was chosen, by `tell` or `tellUsual`. */
  say(member: Member, call: number): void
  /** May the caller stop waiting before the worker has answered? Not if something may come of it that has to be kept track of. */
  readonly abandonable: boolean
  /** @param by who did it */
  readonly resolve: (value: unknown, by: Member) => void
  /** With what the engine throws; `BACKEND` if no such worker is left; `ABORTED`. */
  readonly reject: (error: unknown) => void
}

/** Several workers, each with a queue as short as possible. */
export interface Crew {
  /** Those that have ended and were not replaced yet among them. */
  readonly members: readonly Member[]
  /** Has the least busy worker that fits do it, as soon as one has room. */
  dispatch(job: Job): void
  /** Says something; what is secret in it goes along, and is not here any more. */
  tell(member: Member, order: Order): void
  /** Where a usual call is written. */
  tellUsual(member: Member): FrameWriter
  /** Ends all threads. What is under way fails with `BACKEND`. */
  end(): Promise<void>
}

interface Waiting {
  readonly job: Job
  onAbort: (() => void) | undefined
  /** Who is doing it, under which number; undefined: nobody yet. */
  by: Member | undefined
  call: number
}

/** What a crew is made of. */
export interface CrewOptions {
  readonly script: URL
  readonly engine: URL
  readonly count: number
  /** Told of each worker that was started in place of one that had ended. */
  readonly onReplaced: (member: Member) => void
}

/**
 * Starts the workers and waits until each has its engine. One that ends by itself is replaced: at once, as long as there
 * were few within a minute, otherwise as soon as there is room.
 *
 * @throws {AurochsError} `BACKEND` if one cannot be started
 */
export async function crew({ script, engine, count, onReplaced }: CrewOptions): Promise<Crew> {
  const members: Member[] = []
  const threads = new Set<Worker>()
  const pending = new Map<number, Waiting>()
  const untilRestart = restarts()
  const postponed = new Set<NodeJS.Timeout>()
  let queue: Waiting[] = []
  let lastCall = 0
  let starting = 0
  let ended = false

  function settled(waiting: Waiting): Job {
    if (waiting.onAbort !== undefined) waiting.job.signal?.removeEventListener("abort", waiting.onAbort)
    return waiting.job
  }

  function takeBack(call: number, by: Member): Waiting | undefined {
    const waiting = pending.get(call)
    pending.delete(call)
    by.inFlight--
    if (by.inFlight === 0) by.thread?.unref()
    return waiting
  }

  function answered(answer: Exclude<Answer, { kind: "ready" }>, by: Member): void {
    const waiting = takeBack(answer.call, by)
    if (waiting === undefined) return
    if (answer.kind === "done") settled(waiting).resolve(answer.value, by)
    else settled(waiting).reject(unpackError(answer.error, by.engine.name))
  }

  function readAnswers(from: FrameReader, by: Member): void {
    while (!from.isDone) {
      const { call, value } = readValue(from)
      const waiting = takeBack(call, by)
      if (waiting !== undefined) settled(waiting).resolve(value, by)
    }
  }

  /** Gives out what is waiting, first come, first served, as far as those who may do it have room. */
  function next(): void {
    if (queue.length === 0 || (starting === 0 && members.every(isBusy))) return
    queue = queue.filter((waiting) => !given(waiting))
  }

  /** @returns false: it has to wait */
  function given(waiting: Waiting): boolean {
    const { job } = waiting
    const member = leastBusy(members, job)
    if (member === "none" && !(job.anybody && starting > 0)) settled(waiting).reject(gone())
    else if (member === "none" || member === undefined) return false
    else send(waiting, member)
    return true
  }

  function send(waiting: Waiting, by: Member): void {
    waiting.by = by
    waiting.call = ++lastCall
    pending.set(lastCall, waiting)
    by.inFlight++
    // A pool that nobody waits for keeps no process alive.
    if (by.inFlight === 1) by.thread?.ref()
    try {
      waiting.job.say(by, lastCall)
    } catch (error) {
      takeBack(waiting.call, by)
      settled(waiting).reject(error)
    }
  }

  function tell(member: Member, order: Order | FrameWriter): void {
    member.outgoing.push(order)
    if (member.outgoing.length === 1) queueMicrotask(() => flush(member))
  }

  function tellUsual(member: Member): FrameWriter {
    const last = member.outgoing.at(-1)
    if (last !== undefined && "take" in last) return last
    const writer = frameWriter()
    tell(member, writer)
    return writer
  }

  function flush(member: Member): void {
    const { outgoing } = member
    member.outgoing = []
    const items = outgoing.map((one) => ("take" in one ? one.take() : one))
    const secrets = items.flatMap((one) =>
      "kind" in one && one.kind === "call" ? secretArgs(one.method, one.args) : [],
    )
    member.thread?.postMessage(items, [...items.filter(isFrames).map(({ frames }) => frames), ...memoryOf(secrets)])
    // If there is nobody left to send it to.
    wipe(secrets)
  }

  function stop(waiting: Waiting): void {
    const { by, call, job } = waiting
    if (by === undefined) queue = queue.filter((one) => one !== waiting)
    else tell(by, { kind: "abort", call })
    if (by === undefined || job.abandonable) settled(waiting).reject(aborted(job.signal))
  }

  async function start(): Promise<Member> {
    const thread = new Worker(script, { workerData: { engine: engine.href } })
    threads.add(thread)
    const { promise, resolve, reject } = Promise.withResolvers<Member>()
    let member: Member | undefined
    thread.on("message", (items: readonly FromWorker[]) => {
      for (const item of items) {
        if (member === undefined) {
          if (isFrames(item) || item.kind !== "ready") continue
          member = { engine: item.engine, thread, inFlight: 0, outgoing: [] }
          thread.unref()
          resolve(member)
        } else if (isFrames(item)) readAnswers(frameReader(item), member)
        else if (item.kind !== "ready") answered(item, member)
      }
      next()
    })
    // What it says of its end may quote anything.
    thread.on("error", () => reject(gone()))
    thread.on("exit", () => {
      threads.delete(thread)
      reject(gone())
      if (member !== undefined) lost(member)
    })
    return promise
  }

  /** Nobody knows how far its calls came: they fail. */
  function lost(member: Member): void {
    member.thread = undefined
    for (const [call, waiting] of pending) {
      if (waiting.by !== member) continue
      pending.delete(call)
      settled(waiting).reject(gone())
    }
    void replace(member)
  }

  /** As often as the rate allows; what waits meanwhile, and could be done by nobody else, fails. */
  async function replace(before: Member): Promise<void> {
    if (ended) return next()
    const waitMs = untilRestart()
    if (waitMs > 0) {
      postpone(before, waitMs)
      return next()
    }
    starting++
    const member = await start().catch(() => undefined)
    starting--
    if (member === undefined || ended) return replace(before)
    members.splice(members.indexOf(before), 1, member)
    onReplaced(member)
    next()
  }

  /** Until then the pool keeps no process alive. */
  function postpone(before: Member, waitMs: number): void {
    const timer = setTimeout(() => {
      postponed.delete(timer)
      void replace(before)
    }, Math.ceil(waitMs))
    timer.unref()
    postponed.add(timer)
  }

  async function end(): Promise<void> {
    ended = true
    for (const timer of postponed) clearTimeout(timer)
    await Promise.all([...threads].map((thread) => thread.terminate()))
  }

  try {
    members.push(...(await Promise.all(Array.from({ length: count }, start))))
  } catch (error) {
    await end()
    throw error
  }
  return {
    members,
    dispatch(job) {
      const waiting: Waiting = { job, onAbort: undefined, by: undefined, call: 0 }
      try {
        throwIfAborted(job)
      } catch (error) {
        job.reject(error)
        return
      }
      if (job.signal !== undefined) {
        waiting.onAbort = () => stop(waiting)
        job.signal.addEventListener("abort", waiting.onAbort, { once: true })
      }
      if (!given(waiting)) queue.push(waiting)
    },
    tell,
    tellUsual,
    end,
  }
}

function isBusy({ thread, inFlight }: Member): boolean {
  return thread !== undefined && inFlight >= MAX_IN_FLIGHT
}

/** @returns undefined: all that fit are busy; `none`: all of them have ended */
function leastBusy(members: readonly Member[], job: Job): Member | "none" | undefined {
  let best: Member | undefined
  for (const member of members) {
    if (member.thread === undefined || !job.fits(member)) continue
    if (best === undefined || member.inFlight < best.inFlight) best = member
  }
  if (best === undefined) return "none"
  return isBusy(best) ? undefined : best
}

function gone(): AurochsError<"BACKEND"> {
  return new AurochsError("BACKEND", "the worker has ended", { backend: "pool" })
}
