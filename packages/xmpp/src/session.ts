import {
  element,
  type FullJid,
  orAborted,
  type PepEvent,
  parseJid,
  randomInteger,
  type XmlElement,
} from "@aurochs/core"
import { carbons, iq, namespaces } from "@aurochs/xml"
import type { Answers } from "./answers.ts"
import { type Backlog, backlogOf } from "./backlog.ts"
import type { Link } from "./bind.ts"
import { type Archive, beginAtEnd, catchUp } from "./catch-up.ts"
import type { Features } from "./disco.ts"
import { failureOf } from "./errors.ts"
import type { Inbox } from "./inbox.ts"
import type { Requests } from "./iq.ts"
import type { Ledger } from "./ledger.ts"
import type { Settings } from "./options.ts"
import { routeMessage } from "./origin.ts"
import type { Outbound } from "./outbound.ts"
import type { Inbound, StreamManagement } from "./stream-management.ts"

/** The parts of one transport. */
export interface Parts {
  readonly settings: Settings
  readonly management: StreamManagement
  readonly requests: Requests
  readonly outbound: Outbound
  readonly inbox: Inbox
  readonly ledger: Ledger
  readonly answers: Answers
  readonly features: Features
  publish(node: string, event: PepEvent): void
}

/** What comes in, over all connections; and what each new session needs. */
export interface Sessions {
  /** From here on this connection is in use. */
  attach(link: Link): void
  /** The session is gone for good: whoever waits for an answer is told. */
  lost(): void
  /** Sends presence, with what is announced now. */
  announce(): void
}

/** How long the server may take to answer a query of its archive. */
const ARCHIVE_TIMEOUT_MS = 60_000
const STANZAS: readonly string[] = ["message", "iq", "presence"]
const uncounted: Inbound = { done: () => {} }

/** Sorts what comes in, and prepares new sessions: carbons, presence, archive. */
export function sessionsOf(parts: Parts): Sessions {
  const { settings, management, requests, outbound, inbox, ledger } = parts
  const { account, clock, emit } = settings
  const queries = new Map<string, "deliver" | "probe">()
  /** Ends with the session; a resumption does not end it. */
  let session = new AbortController()
  let backlog = backlogOf(session.signal)
  let self: FullJid | undefined
  let startedAt = clock.now()
  let delivered = 0

  const onMessage = (stanza: XmlElement, inbound: Inbound) => {
    const routed = routeMessage(stanza, account, queries)
    if (routed.kind === "message") {
      const { via, archiveId } = routed
      // The position in the archive takes care of an archived one.
      if (via === "mam") inbound.done()
      const arrived = [...(via === "mam" ? [] : [inbound]), ...backlog.take(archiveId)]
      const done = () => {
        for (const one of arrived) one.done()
      }
      const outcome = inbox.deliver(routed, { done }, clock.now())
      if (outcome === "queue-full") {
        emit({ kind: "dropped", why: outcome })
        // Not acknowledged, until it was had from the archive and kept. Without an archive the server still has it.
        if (archiveId !== undefined) backlog.missed.set(archiveId, arrived)
        if (archiveId !== undefined) followArchive(backlog, "room")
      } else if (outcome === "delivered" && via === "mam") delivered++
      return
    }
    inbound.done()
    if (routed.kind === "event") parts.publish(routed.node, { from: routed.from, item: routed.item })
    else if (routed.kind === "dropped") emit({ kind: "dropped", why: routed.why, from: stanza.attributes.from })
  }

  const onIq = (stanza: XmlElement) => {
    const { type, from } = stanza.attributes
    if (type === "result" || type === "error") {
      if (!requests.answered(stanza, { account, full: self })) emit({ kind: "dropped", why: "unexpected-answer", from })
      return
    }
    void parts.answers.to(stanza).then((answer) => {
      if (answer !== undefined) outbound.post(answer)
    })
  }

  const onPresence = ({ attributes: { type, from } }: XmlElement) => {
    if (type !== "subscribe" || from === undefined || !settings.acceptSubscriptions) return
    const to = bareOf(from)
    if (to === undefined) return
    outbound.post(element("presence", namespaces.client, { type: "subscribed", to }))
    outbound.post(element("presence", namespaces.client, { type: "subscribe", to }))
  }

  const onStanza = (stanza: XmlElement, inbound: Inbound) => {
    if (stanza.name === "message") {
      onMessage(stanza, inbound)
      return
    }
    inbound.done()
    if (stanza.name === "iq") onIq(stanza)
    else onPresence(stanza)
  }

  const onElement = (incoming: XmlElement, counted: boolean) => {
    outbound.heard()
    const { name, namespace } = incoming
    if (namespace === namespaces.client && STANZAS.includes(name)) {
      const inbound = counted ? management.incoming(incoming) : uncounted
      if (inbound !== undefined) onStanza(incoming, inbound)
    } else if (namespace === namespaces.streamManagement && name === "r") outbound.acknowledge()
    else if (namespace === namespaces.streamManagement && name === "a") outbound.acknowledged(incoming.attributes.h)
  }

  /** Any stranger can have the server deliver one: it is counted, told, and forgotten. */
  const onSkipped = (name: string, counted: boolean) => {
    outbound.heard()
    if (counted && STANZAS.includes(name)) management.incoming(element(name, namespaces.client))?.done()
    emit({ kind: "dropped", why: "beyond-limits" })
  }

  const announce = () => {
    if (settings.available) outbound.post(element("presence", namespaces.client, {}, [parts.features.caps()]))
  }

  const archive: Archive = {
    settings,
    ledger,
    queries: { byId: queries },
    request: (request, { signal }) =>
      requests.request(request, outbound.stanza, { timeoutMs: ARCHIVE_TIMEOUT_MS, signal }),
    room: inbox.room,
  }

  /** Until it is done, or the session is gone. */
  const readArchive = async (begun: Promise<void> | undefined, options: { readonly signal: AbortSignal }) => {
    await begun
    // Without anybody who takes messages, those in the archive stay there.
    await orAborted(inbox.consumed, options)
    delivered = 0
    // Where the archive ended could not be asked: what came since this session began may be missing.
    if (ledger.position() === undefined) ledger.begin({ at: startedAt })
    const hasArchive = await catchUp(archive, options)
    ledger.caughtUp()
    if (hasArchive) emit({ kind: "caught-up", messages: delivered })
  }
  const keepReadingArchive = async (begun: Promise<void> | undefined, signal: AbortSignal) => {
    let first: Promise<void> | undefined = begun
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        return await readArchive(first, { signal })
      } catch (thrown) {
        if (signal.aborted) return
        first = undefined
        const retryInMs = backoff(settings, failures)
        emit({ kind: "catch-up-failed", error: failureOf(thrown).error, retryInMs })
        await clock.sleep(retryInMs, { signal }).catch(() => {})
      }
    }
  }
  /** Reads the archive; and again when there is room, as long as messages found none. */
  const followArchive = (mine: Backlog, when: "now" | "room", begun?: Promise<void>) => {
    mine.isAsked = true
    if (mine.isRead) return
    mine.isRead = true
    const { signal } = mine
    const follow = async () => {
      for (let first = true; mine.isAsked; first = false) {
        if (!first || when === "room") await inbox.room({ signal })
        if (signal.aborted) return
        mine.isAsked = false
        // From the position on everything is put in order anew: what found no room is a gap.
        ledger.behind()
        await keepReadingArchive(first ? begun : undefined, signal)
      }
      mine.isRead = false
    }
    void follow()
  }

  return {
    attach(link) {
      self = link.self
      outbound.attach(link)
      const guarded = (work: () => void) => {
        try {
          work()
        } catch (error) {
          link.destroy(error)
        }
      }
      link.listen({
        element: (incoming, counted) => guarded(() => onElement(incoming, counted && link.acknowledgements)),
        skipped: (name) => guarded(() => onSkipped(name, link.acknowledgements)),
      })
      if (link.resumed) return
      session = new AbortController()
      startedAt = clock.now()
      const { signal } = session
      backlog = backlogOf(signal)
      // A first start notes the end of the archive before its presence lets messages in.
      const begun = ledger.position() === undefined ? beginAtEnd(archive, { signal }) : undefined
      if (settings.available) archive.request(iq({ type: "set" }, carbons.enable()), { signal }).catch(() => {})
      announce()
      followArchive(backlog, "now", begun)
    },
    lost() {
      session.abort()
      queries.clear()
    },
    announce,
  }
}

/** Exponential, with jitter: half of it is random, so that clients do not come back all at once. */
export function backoff({ backoffMs, random }: Settings, failures: number): number {
  const most = Math.min(backoffMs.first * 2 ** Math.min(failures, 20), backoffMs.longest)
  return randomInteger(random, Math.ceil(most / 2), Math.ceil(most))
}

function bareOf(from: string): string | undefined {
  try {
    const { local, domain } = parseJid(from)
    return local === undefined ? domain : `${local}@${domain}`
  } catch {
    return undefined
  }
}
