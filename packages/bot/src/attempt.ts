import { type CallOptions, digestOf, element, isAurochsError, type XmlElement } from "@aurochs/core"
import { openpgpBytesOf, seal } from "@aurochs/message"
import type { Leased, Settlement } from "@aurochs/storage"
import { namespaces } from "@aurochs/xml"
import { backoffMs } from "./backoff.ts"
import type { ContactKeys } from "./contact-keys.ts"
import { type OwnKeys, ownCertificates } from "./own-keys.ts"
import { audit, type Parts } from "./parts.ts"
import { describeError, retrying } from "./retrying.ts"
import { openEntry, type WaitingMessage } from "./sealed-entry.ts"
import { isOverdue } from "./time-limit.ts"

/** After so many lost connections in its attempts a message is parked: it may be what the server cannot bear. */
const MAX_LOST_CONNECTIONS = 3

/** How an attempt ended, and whether the connection is still believed in. */
export interface Attempted {
  readonly settlement: Settlement
  readonly networkAway: boolean
}

/**
 * One attempt to send one message: unseal, find keys, seal for the recipient, send, archive. Whatever happens is an
 * outcome; only a failing storage is thrown.
 *
 * @throws {AurochsError} `STORAGE`: the lease runs out, and it is tried again
 */
export async function attemptToSend(
  leased: Leased,
  { parts, own, contacts, signal }: CallOptions & { parts: Parts; own: OwnKeys; contacts: ContactKeys },
): Promise<Attempted> {
  const { account, provider, clock, log } = parts
  const about = { outboxId: leased.id, to: leased.recipient }
  const later = (because: string, retryInMs: number, connectionLost = false): Settlement => ({
    kind: "waiting",
    retryAt: new Date(clock.now().getTime() + retryInMs),
    because,
    connectionLost,
  })

  try {
    const opened = await openEntry(leased, { account, provider, ownKeys: own.all, now: clock.now(), signal })
    if (opened.kind === "refused") {
      log.error("outbox entry refused", { ...about, because: opened.because })
      await audit(parts, {
        kind: "outbox-entry-refused",
        subject: leased.recipient,
        detail: { because: opened.because },
      })
      return ended({ kind: "parked", because: `refused: ${opened.because}` })
    }
    const { message } = opened
    const recipients = await contacts.recipients(leased.recipient, { signal })
    let stanza: XmlElement
    // Whole seconds, as the sealed `<time/>` has them.
    const writtenAt = new Date(Math.floor(clock.now().getTime() / 1000) * 1000)
    const id = await stanzaIdOf(leased)
    const isPlain = recipients.kind === "none"
    if (recipients.kind === "usable") {
      stanza = await seal(message.payload, {
        from: account,
        to: leased.recipient,
        toKeys: recipients.certificates,
        signWith: own.current,
        alsoTo: await ownCertificates(own, { account, keys: parts.storage.keys, provider, now: clock.now(), signal }),
        provider,
        now: writtenAt,
        random: parts.random,
        id,
        signal,
      })
    } else if (recipients.nothingEver && !message.encryptedOnly) {
      stanza = plaintextStanza(message, id, account)
    } else {
      log.info("message waits", { ...about, because: recipients.because })
      return ended(later(recipients.because, recipients.retryInMs))
    }
    return await deliver(stanza, isPlain ? undefined : writtenAt)
  } catch (error) {
    return failed(error)
  }

  /** @param writtenAt what the sealed `<time/>` says; undefined: it goes in plaintext */
  async function deliver(stanza: XmlElement, writtenAt: Date | undefined): Promise<Attempted> {
    try {
      await parts.transport.send(stanza, { signal })
    } catch (error) {
      if (!isAurochsError(error, "NETWORK")) throw error
      // Only a connection that ended under way speaks against the message; not being connected does not.
      const { phase } = error.details
      const isLost = phase === "closed" || phase === "timeout"
      if (isLost && leased.lostConnections + 1 >= MAX_LOST_CONNECTIONS) {
        log.error("message parked: three lost connections", about)
        return { settlement: { kind: "parked", because: "three lost connections" }, networkAway: true }
      }
      log.info("message waits: the connection is gone", { ...about, phase })
      return { settlement: later(`network: ${phase}`, 0, isLost), networkAway: true }
    }
    const sentAt = clock.now()
    if (writtenAt === undefined) {
      log.warn("sent in plaintext: the recipient has no key", about)
      await audit(parts, { kind: "sent-plaintext", subject: leased.recipient })
    }
    await retrying(
      () =>
        parts.storage.archive.append({
          account,
          peer: leased.recipient,
          direction: "out",
          stanza,
          openpgp: openpgpBytesOf(stanza),
          via: "sent",
          storedAt: sentAt,
          verdict:
            writtenAt === undefined
              ? { outcome: "plaintext" }
              : { outcome: "secure", signer: own.current.certificate.fingerprint, writtenAt },
        }),
      { clock, log, what: "archive of what was sent", attempts: 4 },
    )
    log.info("message sent", about)
    return ended({ kind: "sent", stanzaId: stanza.attributes.id ?? "", sentAt })
  }

  function failed(error: unknown): Attempted {
    if (isAurochsError(error, "STORAGE")) throw error
    if (isAurochsError(error, "ABORTED") && isOverdue(signal)) {
      log.warn("message waits: the attempt took too long", about)
      return ended(later("the attempt took too long", backoffMs(leased.attempts)))
    }
    if (isAurochsError(error, "ABORTED")) return ended(later("the bot was stopped", 0))
    if (isAurochsError(error, "NETWORK")) {
      return { settlement: later(`network: ${error.details.phase}`, 0), networkAway: true }
    }
    log.warn("message could not be sent", { ...about, ...describeError(error) })
    if (isAurochsError(error, "NO_USABLE_KEY")) {
      return ended(later(`no usable key: ${error.message}`, backoffMs(leased.attempts)))
    }
    // It will be no shorter and no other the next time.
    if (isAurochsError(error, "BAD_DATA")) return ended({ kind: "parked", because: error.message })
    if (isAurochsError(error, "UNSUPPORTED")) return ended({ kind: "parked", because: error.message })
    return ended(later(isAurochsError(error) ? error.message : "an unexpected error", backoffMs(leased.attempts)))
  }
}

function ended(settlement: Settlement): Attempted {
  return { settlement, networkAway: false }
}

/**
 * The stanza's id is the same in each attempt, so that a receiver may recognise a message that was sent again after a
 * crash; and nobody else can guess it, because the sealed bytes go into it: a bounce that names it is from somebody
 * who had the message.
 */
async function stanzaIdOf(leased: Leased): Promise<string> {
  return (await digestOf("aurochs-stanza-id", leased.id, leased.key, leased.sealed)).slice(0, 32)
}

/** Only with `encryption: "opportunistic"`, and only to somebody who has no key at all. */
function plaintextStanza(message: WaitingMessage, id: string, from: string): XmlElement {
  return element("message", namespaces.client, { type: "chat", id, to: message.recipient, from }, message.payload)
}
