import { type BareJid, type Delivery, isAurochsError, type Via } from "@aurochs/core"
import { carriesMessage, type Incoming, openpgpBytesOf, peerOf, type Secure } from "@aurochs/message"
import type { ArchiveEntry, ArchiveId, EntryVerdict } from "@aurochs/storage"
import type { ContactKeys } from "./contact-keys.ts"
import { handle, type Registry } from "./handlers.ts"
import type { Lanes } from "./lanes.ts"
import { type OpenedMessage, openDelivery, stanzaIdentity } from "./opening.ts"
import type { Outgoing } from "./outgoing.ts"
import type { OwnKeys } from "./own-keys.ts"
import { audit, type Parts } from "./parts.ts"
import { type ReplyBound, replier } from "./replies.ts"
import { describeError, retrying } from "./retrying.ts"

/** Failed messages of strangers that are kept for each account; the oldest go first. */
const STRANGERS = { maxEntries: 100, maxBytes: 5_000_000 }
/** Attempts to open one message while storage or the engine is away; then the next start takes it up. */
const ATTEMPTS = 5
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
  readonly lanes: Lanes
  /** Told of each secure message before its handlers are. */
  readonly onSecure: (message: Secure) => Promise<void>
  /** Begin nothing new. */
  readonly stop: AbortSignal
  /** Give up what is under way. */
  readonly hardStop: AbortSignal
}

/** The way in. */
export interface Incomings {
  /** Puts a message into the archive and its peer's lane. Resolves when there is room for the next. */
  receive(delivery: Delivery): Promise<void>
  /** Takes up an entry that a crash left unhandled. */
  resume(entry: ArchiveEntry): Promise<void>
  /** Opens an entry again that could not be verified before: keys or the clock changed. */
  reopen(entry: ArchiveEntry): Promise<void>
}

/** An archived message on its way to the handlers. */
interface Task {
  readonly id: ArchiveId
  readonly peer: BareJid
  readonly delivery: Delivery
  /** Stored in this moment, or found again. */
  readonly isNew: boolean
  readonly storedAt: Date
}

/** Makes the way in. */
export function createIncomings(options: IncomingOptions): Incomings {
  const { parts, own, contacts, registry, lanes, stop, hardStop } = options
  const { account, storage, clock, log } = parts
  const { archive } = storage
  /** Entries in a lane: a second copy that arrives meanwhile waits for nothing and changes nothing. */
  const underWay = new Set<ArchiveId>()
  const again = <T>(what: string, work: () => Promise<T>, attempts?: number) =>
    retrying(work, { clock, log, what, attempts, signal: hardStop })

  const enqueue = (task: Task, work: (task: Task) => Promise<void>) => {
    underWay.add(task.id)
    return lanes.add(task.peer, async () => {
      try {
        await work(task)
      } catch (error) {
        if (isAurochsError(error, "ABORTED") && stop.aborted) return
        log.error("message left for the next start", { archiveId: task.id, peer: task.peer, ...describeError(error) })
      } finally {
        underWay.delete(task.id)
      }
    })
  }

  const openTask = (task: Task, mayRefresh: boolean): Promise<OpenedMessage> =>
    again(
      "opening",
      () => openDelivery(task.delivery, { parts, own: own(), contacts, signal: hardStop, mayRefresh, stop }),
      ATTEMPTS,
    )

  const runHandlers = async (task: Task, message: Incoming) => {
    const writtenAt = message.kind === "secure" ? message.writtenAt : (task.delivery.stampedAt ?? task.storedAt)
    await handle(registry, {
      message,
      archiveId: task.id,
      ageMs: Math.max(0, clock.now().getTime() - writtenAt.getTime()),
      encryption: parts.encryption,
      prefix: options.prefix,
      log,
      signal: hardStop,
      reply: replier({ peer: message.peer, archiveId: task.id }, options),
      onRefused: (command, because) =>
        audit(parts, {
          kind: "command-refused",
          subject: message.peer,
          ...(message.kind === "secure" ? { fingerprint: message.signedBy } : {}),
          detail: { command: command.slice(0, 100), because },
        }),
    })
  }

  const markHandled = (id: ArchiveId) => again("archive", () => archive.markHandled(id), ATTEMPTS)
  const setVerdict = (id: ArchiveId, verdict: EntryVerdict) =>
    again("archive", () => archive.setVerdict(id, verdict), ATTEMPTS)

  /** Sets the verdict, then runs the handlers, then marks the entry: what a crash interrupts is taken up again. */
  const process = async (task: Task) => {
    const opened = await openTask(task, true)
    if (opened.kind === "nothing") return markHandled(task.id)
    if (task.isNew && (opened.kind === "again" || (await isCopy(task)))) {
      // Handled under another entry, which is there or was removed on purpose.
      log.debug("a message came again", { archiveId: task.id, peer: task.peer })
      await again("archive", () => archive.remove([task.id]), ATTEMPTS)
      return
    }
    const { message } = opened
    const verdict = verdictOf(message)
    const stranger = verdict.outcome !== "secure" && (await isStranger(task))
    await setVerdict(task.id, { ...verdict, stranger })
    report(task, message)
    if (message.kind === "secure") await again("trust", () => options.onSecure(message), ATTEMPTS)
    await runHandlers(task, message)
    await markHandled(task.id)
    if (stranger) await archive.boundStrangers(account, STRANGERS)
  }

  /** The verdict is set last: while the old one stands, the entry is opened again after a crash. */
  const processAgain = async (task: Task, before: EntryVerdict) => {
    // Of the unverified the keys were read just now; those with an implausible time nobody has looked up yet.
    const opened = await openTask(task, before.reason === "time")
    if (opened.kind === "nothing") return
    const { message } = opened
    const verdict = verdictOf(message)
    if (verdict.outcome === before.outcome && verdict.reason === before.reason) return
    report(task, message)
    if (message.kind === "secure") await again("trust", () => options.onSecure(message), ATTEMPTS)
    await runHandlers(task, message)
    await setVerdict(task.id, { ...verdict, stranger: verdict.outcome === "secure" ? false : before.stranger })
  }

  /**
   * Is this a message without OpenPGP that came before by another way? The archive tells sealed ones by what is inside;
   * others only if the sender gave them an id, among the peer's newest.
   */
  const isCopy = async ({ id, peer, delivery }: Task): Promise<boolean> => {
    if (delivery.stanza.attributes.id === undefined || openpgpBytesOf(delivery.stanza) !== undefined) return false
    const identity = await stanzaIdentity(delivery)
    const query = { account, peer, order: "new-first", limit: MAX_COMPARED } as const
    for await (const entry of archive.read(query)) {
      if (entry.id < id && entry.openpgp === undefined && (await stanzaIdentity(entry)) === identity) return true
    }
    return false
  }

  /** Nothing secure was ever exchanged with the peer. */
  const isStranger = async ({ delivery, peer }: Task): Promise<boolean> => {
    if (peerOf(delivery, account)?.direction === "out") return false
    for await (const _ of archive.read({ account, peer, outcome: "secure", limit: 1 })) return false
    return true
  }

  const report = (task: Task, message: Incoming) => {
    const { outcome, reason } = verdictOf(message)
    const about = { archiveId: task.id, peer: task.peer, via: task.delivery.via, reason }
    if (outcome === "secure") log.debug("message secure", about)
    else log.warn(`message ${outcome}`, about)
  }

  const store = async (delivery: Delivery, peer: BareJid, direction: "in" | "out", storedAt: Date) => {
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

  return {
    async receive(delivery) {
      const parties = peerOf(delivery, account)
      if (parties === undefined || carriesMessage(delivery.stanza) === "nothing") return delivery.kept()
      const { peer, direction } = parties
      const storedAt = clock.now()
      const { id, isNew, entry } = await store(delivery, peer, direction, storedAt)
      delivery.kept()
      if (underWay.has(id)) return
      const isDone = !isNew && (entry ?? (await again("archive", () => archive.get(id))))?.handled !== false
      if (isDone || (!isNew && direction === "out")) return
      await enqueue({ id, peer, delivery, isNew, storedAt }, process)
    },

    async resume(entry) {
      if (!underWay.has(entry.id))
        await enqueue({ ...taskOf(entry, entry.stampedAt ?? entry.storedAt), isNew: false }, process)
    },

    async reopen(entry) {
      const { verdict } = entry
      if (underWay.has(entry.id) || verdict === undefined) return
      // What was dated in the future is held against the clock of today (attack A22), anything else against then.
      const stampedAt = verdict.reason === "time" ? entry.stampedAt : (entry.stampedAt ?? entry.storedAt)
      await enqueue({ ...taskOf(entry, stampedAt), isNew: false }, (task) => processAgain(task, verdict))
    },
  }
}

function taskOf(entry: ArchiveEntry, stampedAt: Date | undefined): Omit<Task, "isNew"> {
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
