import { AurochsError, aborted, type BareJid, type Delivery, isAurochsError, type Session } from "@aurochs/core"
import { namespaces, publicKeysNode } from "@aurochs/xml"
import type { Bell } from "./bell.ts"
import type { BotOptions } from "./bot.ts"
import { type Bounces, createBounces } from "./bounces.ts"
import { contactKeys } from "./contact-keys.ts"
import { drain } from "./drain.ts"
import type { Registry } from "./handlers.ts"
import { createIncomings, type Incomings, type IncomingTask } from "./incoming.ts"
import { followKeyChanges } from "./key-changes.ts"
import type { KeyEventHandler } from "./key-event.ts"
import { keyEventsOf, tellKeyEvents } from "./key-events.ts"
import { createLanes, type Lanes } from "./lanes.ts"
import { type LateKeys, lateKeys } from "./late-keys.ts"
import type { Link } from "./link.ts"
import type { OutboxBell } from "./outbox-bell.ts"
import { createOutgoing } from "./outgoing.ts"
import type { OwnKeyKeeper } from "./own-key.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { OwnWords } from "./own-words.ts"
import type { Parts } from "./parts.ts"
import { replyBound } from "./replies.ts"
import { describeError, retrying } from "./retrying.ts"
import { createTrusting, type Trusting } from "./trusting.ts"

/** Messages that may wait for their handlers before the transport is slowed down. */
const MAX_QUEUED = 256
/** Messages of one peer that are opened together. */
const MAX_TOGETHER = 128

/** What {@link runBot} needs. */
export interface RunOptions {
  readonly parts: Parts
  readonly keeper: OwnKeyKeeper
  readonly registry: Registry
  readonly link: Link
  readonly outboxBell: OutboxBell
  readonly words: OwnWords
  readonly ownBell: Bell
  readonly prefix: string
  readonly options: BotOptions
  readonly signal?: AbortSignal | undefined
  readonly onReady: (own: OwnKeys) => Promise<void>
  readonly keyHandlers: readonly KeyEventHandler[]
  /** Given once, when contacts' keys can be decided about. */
  readonly onTrusting: (trusting: Trusting) => void
}

/**
 * The life of a bot: sessions, own key, what a crash left, then everything at once until aborted; then the stop: nothing
 * new is begun, and what runs has `graceMs` to end.
 */
export async function runBot(run: RunOptions): Promise<void> {
  const { parts, options, signal } = run
  const stop = new AbortController()
  const hardStop = new AbortController()
  const onAbort = () => stop.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  signal?.addEventListener("abort", onAbort, { once: true })

  const features = [namespaces.openpgpIm, `${publicKeysNode}+notify`, namespaces.eme].map((name) =>
    parts.transport.feature(name),
  )
  let incomings: Incomings | undefined
  const lanes = createLanes<IncomingTask>({
    work: async (tasks) => incomings?.work(tasks),
    concurrency: options.maxConcurrentPeers ?? 8,
    maxQueued: MAX_QUEUED,
    maxTogether: MAX_TOGETHER,
    onError: (error) => parts.log.error("a message failed", describeError(error)),
  })
  const firstSession = Promise.withResolvers<void>()
  let failure: { readonly error: unknown } | undefined
  /** One failing loop ends all of them; the first failure is the one that is told. */
  const loop = async (work: Promise<void>) => {
    try {
      await work
    } catch (error) {
      if (stop.signal.aborted && isAurochsError(error, "ABORTED")) return
      failure ??= { error }
      stop.abort()
    }
  }

  const work = Promise.all([
    loop(sessions(run, stop.signal, firstSession.resolve).finally(() => firstSession.resolve())),
    loop(
      firstSession.promise.then(() =>
        live(run, lanes, (made) => (incomings = made), stop.signal, hardStop.signal, loop),
      ),
    ),
  ])
  const stopping = Promise.withResolvers<void>()
  const onStop = () => stopping.resolve()
  stop.signal.addEventListener("abort", onStop, { once: true })
  if (stop.signal.aborted) onStop()
  try {
    await stopping.promise
    await endWithin(
      options.graceMs ?? 10_000,
      parts,
      hardStop,
      Promise.all([work, lanes.stop().then(() => incomings?.marked())]),
    )
  } finally {
    signal?.removeEventListener("abort", onAbort)
    for (const feature of features) feature[Symbol.dispose]()
  }
  if (failure !== undefined) throw failure.error
}

async function sessions(run: RunOptions, stop: AbortSignal, onFirst: () => void): Promise<void> {
  const { parts, link } = run
  for await (const session of parts.transport.sessions({ signal: stop })) {
    tellOnline(parts, session)
    // What waited for the network, or for a key that could not be read without it, goes on.
    await parts.storage.outbox.wake(parts.account).catch((error: unknown) => {
      parts.log.error("outbox", describeError(error))
    })
    link.up()
    onFirst()
  }
  if (!stop.aborted) throw new AurochsError("NETWORK", "the transport was closed", { phase: "closed" })
}

/** Everything that needs a server and a key. */
async function live(
  run: RunOptions,
  lanes: Lanes<IncomingTask>,
  onIncomings: (made: Incomings) => void,
  stop: AbortSignal,
  hardStop: AbortSignal,
  loop: (work: Promise<void>) => Promise<void>,
): Promise<void> {
  const { parts, keeper, link, outboxBell, words, ownBell, options } = run
  if (stop.aborted) return
  let own = await keeper.prepare(ownBell, { signal: stop })
  const currentOwn = () => {
    own = keeper.current ?? own
    return own
  }
  let late: LateKeys | undefined
  const outgoing = createOutgoing(parts, outboxBell, words)
  let incomings: Incomings | undefined
  const decided = (owner: BareJid) => {
    incomings?.decided()
    void wake(owner)
    void late?.changed(owner, { signal: stop })
  }
  const trusting = createTrusting({
    parts,
    own: currentOwn,
    outgoing,
    trustMessages: options.trustMessages ?? false,
    onDecided: decided,
  })
  const contacts = contactKeys(
    parts,
    currentOwn,
    async (owner, refreshed) => {
      decided(owner)
      try {
        await trusting.reconsider({ signal: hardStop })
        const { events, judged } = await keyEventsOf(parts, owner, refreshed, { signal: hardStop })
        const tell = { handlers: run.keyHandlers, outgoing, notice: options.keyNotice, signal: hardStop }
        await tellKeyEvents(parts, events, judged, tell)
      } catch (error) {
        if (!hardStop.aborted) parts.log.error("key events", describeError(error))
      }
    },
    stop,
    hardStop,
  )
  run.onTrusting(trusting)
  const wake = async (owner: string) => {
    try {
      await parts.storage.outbox.wake(parts.account, { recipient: owner })
      outboxBell.ring()
    } catch (error) {
      parts.log.error("outbox", describeError(error))
    }
  }
  incomings = createIncomings({
    parts,
    own: currentOwn,
    contacts,
    outgoing,
    onSecure: async (message) => {
      if (message.direction === "in") contacts.heardFrom(message.peer)
      await trusting.heard(message, { signal: hardStop })
    },
    registry: run.registry,
    bound: replyBound(parts.clock, options.maxRepliesPerMinute ?? 30),
    prefix: run.prefix,
    lanes,
    stop,
    hardStop,
  })
  onIncomings(incomings)
  if (options.exclusive === true) {
    const { clock, log, storage, account } = parts
    await retrying(() => storage.outbox.release(account, { signal: stop }), { clock, log, what: "outbox", attempts: 4 })
  }
  const bounces = createBounces(parts, outboxBell.ring)
  late = lateKeys(parts, contacts, incomings)
  await run.onReady(own).catch((error: unknown) => parts.log.error("onReady", describeError(error)))

  const hooks = {
    onOwn: ownBell.ring,
    // Also without a change: another process may have read the keys, or the operator approved one.
    onContact: (owner: string) => wake(owner),
  }
  await Promise.all([
    loop(drain({ parts, own: currentOwn, contacts, link, bounces, bell: outboxBell, words, stop, hardStop })),
    loop(receive(parts, incomings, bounces, stop)),
    loop(followKeyChanges(parts, contacts, hooks, { signal: stop })),
    loop(keeper.watch(ownBell, { signal: stop })),
    loop(late.revisit({ signal: stop })),
  ])
  await contacts.settled()
}

/** What a crash left unhandled first, then what comes. */
async function receive(parts: Parts, incomings: Incomings, bounces: Bounces, stop: AbortSignal): Promise<void> {
  try {
    for await (const entry of parts.storage.archive.unhandled(parts.account, { signal: stop })) {
      await incomings.resume(entry)
    }
    for await (const delivery of parts.transport.messages({ signal: stop })) {
      if (stop.aborted) return
      // A bounce from the archive was seen when it came; only live ones say something of what is in the outbox now.
      if (delivery.stanza.attributes.type === "error" && delivery.via === "live")
        await takeBounce(parts, bounces, delivery)
      await incomings.receive(delivery)
    }
  } finally {
    await incomings.stored()
  }
  if (!stop.aborted) throw new AurochsError("NETWORK", "the transport was closed", { phase: "closed" })
}

async function takeBounce({ log }: Parts, bounces: Bounces, { stanza }: Delivery): Promise<void> {
  try {
    await bounces.take(stanza)
  } catch (error) {
    if (isAurochsError(error, "ABORTED")) throw error
    log.error("a bounce could not be taken", describeError(error))
  }
}

/** Waits for the work to end; after `graceMs` it is told to give up, and a second later nobody waits any more. */
async function endWithin(graceMs: number, { clock, log }: Parts, hardStop: AbortController, work: Promise<unknown>) {
  const over = new AbortController()
  const sleep = (ms: number) => clock.sleep(ms, { signal: over.signal }).then(() => "late" as const)
  const done = work.then(() => "done" as const)
  try {
    if ((await Promise.race([done, sleep(graceMs)])) === "done") return
    log.warn("handlers did not end in time; their messages are handled again after the restart", { graceMs })
    hardStop.abort(aborted().message)
    await Promise.race([done, sleep(1000)])
  } finally {
    hardStop.abort()
    over.abort()
  }
}

function tellOnline({ log, account }: Parts, { resumed, secure }: Session): void {
  log.info("connected", { account, resumed, ...(secure ? {} : { secure }) })
}
