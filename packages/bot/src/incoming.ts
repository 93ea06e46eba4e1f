import { type BareJid, type Delivery, isAurochsError, type Via } from "@aurochs/core"
import { carriesMessage, type Incoming, openpgpBytesOf, peerOf, type Secure } from "@aurochs/message"
import type { ArchiveEntry, ArchiveId, EntryVerdict } from "@aurochs/storage"
import { boundedAudit } from "./bounded-audit.ts"
import { boundedLines } from "./bounded-lines.ts"
import type { ContactKeys } from "./contact-keys.ts"
import { handle, type Registry } from "./handlers.ts"
import type { Lanes } from "./lanes.ts"
import { type OpenedMessage, openDelivery, openTogether, stanzaIdentity } from "./opening.ts"
import type { Outgoing } from "./outgoing.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { Parts } from "./parts.ts"
import { type ReplyBound, replier } from "./replies.ts"
import { describeError, retrying } from "./retrying.ts"

/** Failed messages of strangers that are kept for each account; the oldest go first. */
const STRANGERS = { maxEntries: 100, maxBytes: 5_000_000 }
/** Attempts to open one message while storage or the engine is away; then the next start takes it up. */
const ATTEMPTS = 5
/** Messages that may be on their way into the archive at the same time. */
const MAX_ARRIVING = 256
/** Handled messages whose marks are on their way to the archive: after a crash they are handled again. */
const MAX_MARKS = 128
/** What was found of a message before its turn is used for so long; then it is opened again. Milliseconds. */
const AHEAD_MS = 2_000
/** Entries of a peer among which a copy is looked for. */
const MAX_COMPARED = 50

/** What the way in works with. */
export interface IncomingOptions {
  readonly parts: Parts
  readonly own: () => OwnKeys
  readonly contacts: ContactKeys
  readonly outgoing: Outgoing
  readonly registry: Registry
  readonly bound: ReplyBound
  readonly prefix: string
  readonly lanes: Lanes<IncomingTask>
  /** Told of each secure message before its handlers are. */
  readonly onSecure: (message: Secure) => Promise<void>
  /** Begin nothing new. */
  readonly stop: AbortSignal
  /** Give up what is under way. */
  readonly hardStop: AbortSignal
}

/** The way in. */
export interface Incomings {
  /**
   * Puts a message into the archive, and then into its peer's lane, in the order of the calls. Resolves when there is
   * room for the next. A message that cannot be kept is told in the log: nobody outside may end the bot, or hold back
   * what comes behind, by it.
   */
  receive(delivery: Delivery): Promise<void>
  /** Resolves when everything received is in the archive and its lane. */
  stored(): Promise<void>
  /** Resolves when every message that was handled is marked, and what was counted of them is written down. */
  marked(): Promise<void>
  /** Something was decided about keys. */
  decided(): void
  /** Opens what waits in one lane and gives it to the handlers, one after another. */
  work(tasks: readonly IncomingTask[]): Promise<void>
  /** Takes up an entry that a crash left unhandled. */
  resume(entry: ArchiveEntry): Promise<void>
  /** Opens an entry again that could not be verified before: keys or the clock changed. */
  reopen(entry: ArchiveEntry): Promise<void>
}

/** An archived message on its way to the handlers. */
export interface IncomingTask {
  readonly id: ArchiveId
  readonly peer: BareJid
  readonly delivery: Delivery
  /** Stored in this moment, or found again. */
  readonly isNew: boolean
  readonly storedAt: Date
  /** It was judged before, with this verdict. */
  readonly before?: EntryVerdict | undefined
}

/** Makes the way in. */
export function createIncomings(options: IncomingOptions): Incomings {
  const { parts, own, contacts, registry, lanes, stop, hardStop } = options
  const { account, storage, clock, log } = parts
  const { archive } = storage
  /** Entries in a lane: a second copy that arrives meanwhile waits for nothing and changes nothing. */
  const underWay = new Set<ArchiveId>()
  const again = <T>(what: string, work: () => Promise<T>, attempts?: number) =>
    retrying(work, { clock, log, what, attempts, signal: hardStop, stop })

  const enqueue = (task: IncomingTask) => {
    underWay.add(task.id)
    return lanes.add(task.peer, task)
  }

  /** Being marked as handled; none of them throws. */
  const marking = new Map<ArchiveId, Promise<void>>()

  const one = async (task: IncomingTask, ahead: OpenedMessage | "unclear" | undefined) => {
    try {
      if (task.before === undefined) await process(task, ahead)
      else await processAgain(task, task.before)
    } catch (error) {
      left(task, error)
    }
  }
  const left = (task: IncomingTask, error: unknown) => {
    if (isAurochsError(error, "ABORTED") && stop.aborted) return
    log.error("message left for the next start", { archiveId: task.id, peer: task.peer, ...describeError(error) })
  }

  const bounded = (level: "info" | "warn", what: string) => boundedLines(log, level, { clock, what, stop })
  /** What whoever writes to the bot can cause; strangers have a bound of their own, so that they hide nobody else's. */
  const lines = {
    others: bounded("warn", "more messages that are not secure"),
    strangers: bounded("warn", "more messages of strangers that are not secure"),
    refused: bounded("warn", "more refusals"),
    unread: bounded("info", "more senders whose keys could not be read"),
  }
  const refused = boundedAudit(parts, { kind: "commands-refused", stop })

  const openTask = async (task: IncomingTask, mayRefresh: boolean): Promise<OpenedMessage> => {
    let attempts = 0
    const work = () => {
      attempts += 1
      const opening = { parts, own: own(), contacts, signal: hardStop, mayRefresh, stop, inform: lines.unread }
      return openDelivery(task.delivery, opening)
    }
    const opened = await again("opening", work, ATTEMPTS)
    // An attempt that failed may have claimed it.
    return attempts > 1 ? asFirst(opened) : opened
  }

  const runHandlers = async (task: IncomingTask, message: Incoming) => {
    const writtenAt = message.kind === "secure" ? message.writtenAt : (task.delivery.stampedAt ?? task.storedAt)
    await handle(registry, {
      message,
      archiveId: task.id,
      ageMs: Math.max(0, clock.now().getTime() - writtenAt.getTime()),
      encryption: parts.encryption,
      prefix: options.prefix,
      log,
      signal: hardStop,
      warn: lines.refused,
      reply: replier({ peer: message.peer, archiveId: task.id }, { ...options, warn: lines.refused }),
      onRefused: (command, because) =>
        refused.append({
          kind: "command-refused",
          subject: message.peer,
          ...(message.kind === "secure" ? { fingerprint: message.signedBy } : {}),
          detail: { command: command.slice(0, 100), because },
        }),
    })
  }

  const markHandled = (id: ArchiveId, verdict?: EntryVerdict) =>
    again("archive", () => archive.markHandled(id, { verdict }), ATTEMPTS)
  const setVerdict = (id: ArchiveId, verdict: EntryVerdict) =>
    again("archive", () => archive.setVerdict(id, verdict), ATTEMPTS)

  /** Grows with each decision about keys: what was found before it may not hold any more. */
  let decisions = 0

  /** Opens several of one peer at once; what is found holds for a moment. */
  const openAhead = async (
    tasks: readonly IncomingTask[],
  ): Promise<(task: IncomingTask) => OpenedMessage | "unclear" | undefined> => {
    const fresh = tasks.filter((task) => task.before === undefined)
    if (fresh.length < 2) return () => undefined
    const [begunAt, decisionsBefore] = [clock.now().getTime(), decisions]
    const deliveries = fresh.map((task) => task.delivery)
    const opened = await openTogether(deliveries, { parts, own: own(), contacts, signal: hardStop, stop })
    const found = new Map(fresh.map((task, at) => [task, opened[at]]))
    return (task) => {
      const one = found.get(task)
      const age = clock.now().getTime() - begunAt
      const holds = decisions === decisionsBefore && age >= 0 && age < AHEAD_MS
      return one === undefined || holds ? one : "unclear"
    }
  }

  /**
   * Runs the handlers, then marks the entry, and with that sets the verdict if it is secure; any other verdict is set
   * before. What a crash interrupts is taken up again. The mark is not waited for, the next one's handlers may run.
   */
  const process = async (task: IncomingTask, ahead: OpenedMessage | "unclear" | undefined): Promise<void> => {
    const opened = await openedInTurn(task, ahead)
    const mark = (verdict?: EntryVerdict) => {
      const marked = markHandled(task.id, verdict)
        .catch((error: unknown) => left(task, error))
        .finally(() => {
          marking.delete(task.id)
          underWay.delete(task.id)
        })
      marking.set(task.id, marked)
    }
    if (opened.kind === "nothing") return mark()
    if (task.isNew && (opened.kind === "again" || (await isCopy(task)))) {
      // Handled under another entry, which is there or was removed on purpose.
      log.debug("a message came again", { archiveId: task.id, peer: task.peer })
      await again("archive", () => archive.remove([task.id]), ATTEMPTS)
      return
    }
    const { message } = opened
    const verdict = verdictOf(message)
    const isSecure = verdict.outcome === "secure"
    const stranger = !isSecure && (await isStranger(task))
    if (!isSecure) await setVerdict(task.id, { ...verdict, stranger })
    report(task, message, stranger)
    if (message.kind === "secure") await again("trust", () => options.onSecure(message), ATTEMPTS)
    await runHandlers(task, message)
    mark(isSecure ? { ...verdict, stranger } : undefined)
    if (stranger) await archive.boundStrangers(account, STRANGERS)
  }

  const openedInTurn = async (
    task: IncomingTask,
    ahead: OpenedMessage | "unclear" | undefined,
  ): Promise<OpenedMessage> => {
    if (ahead === undefined) return openTask(task, true)
    return ahead === "unclear" ? asFirst(await openTask(task, true)) : ahead
  }

  /** The verdict is set last: while the old one stands, the entry is opened again after a crash. */
  const processAgain = async (task: IncomingTask, before: EntryVerdict) => {
    // Of the unverified the keys were read just now; those with an implausible time nobody has looked up yet.
    const opened = await openTask(task, before.reason === "time")
    if (opened.kind === "nothing") return
    const { message } = opened
    const verdict = verdictOf(message)
    if (verdict.outcome === before.outcome && verdict.reason === before.reason) return
    report(task, message, before.stranger)
    if (message.kind === "secure") await again("trust", () => options.onSecure(message), ATTEMPTS)
    await runHandlers(task, message)
    await setVerdict(task.id, { ...verdict, stranger: verdict.outcome === "secure" ? false : before.stranger })
  }

  /**
   * Is this a message without OpenPGP that came before by another way? The archive tells sealed ones by what is inside;
   * others only if the sender gave them an id, among the peer's newest.
   */
  const isCopy = async ({ id, peer, delivery }: IncomingTask): Promise<boolean> => {
    if (delivery.stanza.attributes.id === undefined || openpgpBytesOf(delivery.stanza) !== undefined) return false
    const identity = await stanzaIdentity(delivery)
    const query = { account, peer, order: "new-first", limit: MAX_COMPARED } as const
    for await (const entry of archive.read(query)) {
      if (entry.id < id && entry.openpgp === undefined && (await stanzaIdentity(entry)) === identity) return true
    }
    return false
  }

  /** Nothing secure was ever exchanged with the peer. */
  const isStranger = async ({ delivery, peer }: IncomingTask): Promise<boolean> => {
    if (peerOf(delivery, account)?.direction === "out") return false
    for await (const _ of archive.read({ account, peer, outcome: "secure", limit: 1 })) return false
    return true
  }

  const report = (task: IncomingTask, message: Incoming, stranger: boolean | undefined) => {
    const { outcome, reason } = verdictOf(message)
    const about = { archiveId: task.id, peer: task.peer, via: task.delivery.via, reason }
    if (outcome === "secure") log.debug("message secure", about)
    else (stranger ? lines.strangers : lines.others)(`message ${outcome}`, about)
  }

  const store = async ({ delivery, peer, direction, storedAt }: Arrived) => {
    const { stanza, via, stampedAt } = delivery
    const entry = { account, peer, direction, stanza, via, stampedAt, storedAt }
    const openpgp = openpgpBytesOf(stanza)
    const stored = await again("archive", () => archive.append({ ...entry, openpgp }))
    if (stored.isNew || openpgp === undefined) return { ...stored, entry: undefined }
    const before = await again("archive", () => archive.get(stored.id))
    const isSame = before !== undefined && (await stanzaIdentity(before)) === (await stanzaIdentity(delivery))
    if (isSame || before?.direction === "out") return { ...stored, entry: before }
    // The same ciphertext in another stanza: a replay, or the real one after somebody else's forgery. It is judged by
    // itself, so it gets an entry of its own, told apart by the whole stanza.
    return { ...(await again("archive", () => archive.append(entry))), entry: undefined }
  }

  const take = async (
    { delivery, peer, direction, storedAt }: Arrived,
    storing: ReturnType<typeof store>,
  ): Promise<void> => {
    const { id, isNew, entry } = await storing
    delivery.kept()
    if (underWay.has(id)) return
    const isDone = !isNew && (entry ?? (await again("archive", () => archive.get(id))))?.handled !== false
    if (isDone || (!isNew && direction === "out")) return
    await enqueue({ id, peer, delivery, isNew, storedAt })
  }

  /** Being stored, or waiting for those before them. */
  let arriving = 0
  let last: Promise<void> = Promise.resolve()
  let onRoom = () => {}

  return {
    async receive(delivery) {
      const parties = peerOf(delivery, account)
      if (parties === undefined || carriesMessage(delivery.stanza) === "nothing") return delivery.kept()
      const arrived = { delivery, ...parties, storedAt: clock.now() }
      const storing = store(arrived)
      // Looked at below, when those before it are in their lanes.
      storing.catch(() => {})
      arriving += 1
      last = last
        .then(() => take(arrived, storing))
        .catch((error: unknown) => {
          if (isAurochsError(error, "ABORTED") && stop.aborted) return
          log.error("a message could not be taken", describeError(error))
          delivery.kept()
        })
        .finally(() => {
          arriving -= 1
          onRoom()
        })
      if (arriving < MAX_ARRIVING) return
      await new Promise<void>((resolve) => {
        onRoom = resolve
      })
    },

    stored: () => last,

    decided() {
      decisions += 1
    },

    async work(tasks) {
      try {
        const ahead = await openAhead(tasks)
        for (const task of tasks) {
          while (marking.size >= MAX_MARKS) await Promise.race(marking.values())
          if (stop.aborted) break
          await one(task, ahead(task))
        }
      } finally {
        // Whoever is being marked stays until then: a second copy that arrives would find it unhandled.
        for (const task of tasks) if (!marking.has(task.id)) underWay.delete(task.id)
      }
    },

    async marked() {
      await Promise.all(marking.values())
      await refused.told()
    },

    async resume(entry) {
      if (!underWay.has(entry.id)) await enqueue({ ...taskOf(entry, entry.stampedAt ?? entry.storedAt), isNew: false })
    },

    async reopen(entry) {
      const { verdict } = entry
      if (underWay.has(entry.id) || verdict === undefined) return
      // What was dated in the future is held against the clock of today (attack A22), anything else against then.
      const stampedAt = verdict.reason === "time" ? entry.stampedAt : (entry.stampedAt ?? entry.storedAt)
      await enqueue({ ...taskOf(entry, stampedAt), isNew: false, before: verdict })
    },
  }
}

/** Whether a failed attempt was the first one cannot be known: rather twice than never. */
function asFirst(opened: OpenedMessage): OpenedMessage {
  return opened.kind === "again" ? { kind: "message", message: opened.message } : opened
}

/** A message on its way into the archive. */
interface Arrived {
  readonly delivery: Delivery
  readonly peer: BareJid
  readonly direction: "in" | "out"
  readonly storedAt: Date
}

function taskOf(entry: ArchiveEntry, stampedAt: Date | undefined): Omit<IncomingTask, "isNew"> {
  const via: Via = entry.via === "sent" ? "carbon-sent" : entry.via
  const delivery: Delivery = { stanza: entry.stanza, via, stampedAt, kept: () => {} }
  return { id: entry.id, peer: entry.peer, delivery, storedAt: entry.storedAt }
}

function verdictOf(message: Incoming): EntryVerdict {
  switch (message.kind) {
    case "secure":
      return { outcome: "secure", signer: message.signedBy, writtenAt: message.writtenAt }
    case "unverified":
      return { outcome: "unverified", reason: message.reason }
    case "rejected":
      return { outcome: "rejected", reason: message.check }
    case "plaintext":
      return { outcome: "plaintext" }
  }
}
