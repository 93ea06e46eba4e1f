import { type CallOptions, digestOf, element, isAurochsError, type XmlElement } from "@aurochs/core"
import { openpgpBytesOf, seal } from "@aurochs/message"
import type { Leased, Settlement } from "@aurochs/storage"
import { namespaces } from "@aurochs/xml"
import { backoffMs } from "./backoff.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { OwnWords } from "./own-words.ts"
import { audit, type Parts } from "./parts.ts"
import { describeError, retrying } from "./retrying.ts"
import type { RunKeys } from "./run-keys.ts"
import { openEntry, type WaitingMessage } from "./sealed-entry.ts"
import { isOverdue } from "./time-limit.ts"

/** After so many lost connections in its attempts a message is parked: it may be what the server cannot bear. */
const MAX_LOST_CONNECTIONS = 3

/** How an attempt ended, and whether the connection is still believed in. */
export interface Attempted {
  readonly settlement: Settlement
  readonly networkAway: boolean
}

/** A message that can be sent now, or why it cannot. */
export type Prepared =
  /** `writtenAt`: what the sealed `<time/>` says; undefined: it goes in plaintext. */
  | { readonly kind: "ready"; readonly stanza: XmlElement; readonly writtenAt: Date | undefined }
  | { readonly kind: "ended"; readonly attempted: Attempted }

/** What attempts work with. */
export interface AttemptOptions extends CallOptions {
  readonly parts: Parts
  readonly own: OwnKeys
  readonly keys: RunKeys
  readonly words: OwnWords
}

/**
 * The first half of an attempt: unseal, find keys, seal for the recipient. Whatever happens is an outcome; only a failing
 * storage is thrown.
 *
 * @throws {AurochsError} `STORAGE`: the lease runs out, and it is tried again
 */
export async function prepare(leased: Leased, options: AttemptOptions): Promise<Prepared> {
  const { parts, own, keys, signal } = options
  const { account, provider, clock, log } = parts
  const about = { outboxId: leased.id, to: leased.recipient }
  try {
    const opened = await unsealed(leased, options)
    if (opened.kind === "refused") {
      log.error("outbox entry refused", { ...about, because: opened.because })
      await audit(parts, {
        kind: "outbox-entry-refused",
        subject: leased.recipient,
        detail: { because: opened.because },
      })
      return notNow({ kind: "parked", because: `refused: ${opened.because}` })
    }
    const { message } = opened
    const recipients = await keys.recipients()
    // Whole seconds, as the sealed `<time/>` has them.
    const writtenAt = new Date(Math.floor(clock.now().getTime() / 1000) * 1000)
    const id = await stanzaIdOf(leased)
    if (recipients.kind === "usable") {
      const stanza = await seal(message.payload, {
        from: account,
        to: leased.recipient,
        toKeys: recipients.certificates,
        signWith: own.current,
        alsoTo: await keys.alsoTo(),
        provider,
        now: writtenAt,
        random: parts.random,
        id,
        signal,
      })
      return { kind: "ready", stanza, writtenAt }
    }
    if (recipients.nothingEver && !message.encryptedOnly) {
      return { kind: "ready", stanza: plaintextStanza(message, id, account), writtenAt: undefined }
    }
    log.info("message waits", { ...about, because: recipients.because })
    return notNow(later(parts, recipients.because, recipients.retryInMs))
  } catch (error) {
    return { kind: "ended", attempted: failed(leased, error, options) }
  }
}

/**
 * The second half: waits for the server to have it, then archives it.
 *
 * @param sending resolves when the server has it
 * @param options.held aborted when a message before this one has to wait: then this one was not sent
 * @throws {AurochsError} `STORAGE`, as {@link prepare}
 */
export async function complete(
  leased: Leased,
  { stanza, writtenAt }: Extract<Prepared, { kind: "ready" }>,
  sending: Promise<void>,
  options: Pick<AttemptOptions, "parts" | "own" | "signal"> & { readonly held: AbortSignal },
): Promise<Attempted> {
  const { parts, own, held, signal } = options
  const { account, clock, log } = parts
  const about = { outboxId: leased.id, to: leased.recipient }
  try {
    await sending
  } catch (error) {
    if (isAurochsError(error, "ABORTED") && held.aborted && signal?.aborted !== true) return untried(parts)
    if (!isAurochsError(error, "NETWORK")) return failed(leased, error, options)
    // Only a connection that ended under way speaks against the message; not being connected does not.
    const { phase } = error.details
    const isLost = phase === "closed" || phase === "timeout"
    if (isLost && leased.lostConnections + 1 >= MAX_LOST_CONNECTIONS) {
      log.error("message parked: three lost connections", about)
      return { settlement: { kind: "parked", because: "three lost connections" }, networkAway: true }
    }
    log.info("message waits: the connection is gone", { ...about, phase })
    return { settlement: later(parts, `network: ${phase}`, 0, isLost), networkAway: true }
  }
  const sentAt = clock.now()
  try {
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
  } catch (error) {
    return failed(leased, error, options)
  }
  log.info("message sent", about)
  return ended({ kind: "sent", stanzaId: stanza.attributes.id ?? "", sentAt })
}

/** What was just sealed here need not be opened. */
async function unsealed(leased: Leased, { parts, words, signal }: AttemptOptions) {
  const message = words.take(leased)
  if (message !== undefined) return { kind: "opened", message } as const
  const { account, outboxKey } = parts
  return await openEntry(leased, { account, outboxKey, signal })
}

function later(
  { clock }: Parts,
  because: string,
  retryInMs: number,
  connectionLost = false,
): Extract<Settlement, { kind: "waiting" }> {
  return { kind: "waiting", retryAt: new Date(clock.now().getTime() + retryInMs), because, connectionLost }
}

function failed(
  leased: Leased,
  error: unknown,
  { parts, signal }: Pick<AttemptOptions, "parts" | "signal">,
): Attempted {
  const { log } = parts
  const about = { outboxId: leased.id, to: leased.recipient }
  const after = (because: string, retryInMs: number) => ended(later(parts, because, retryInMs))
  if (isAurochsError(error, "STORAGE")) throw error
  if (isAurochsError(error, "ABORTED") && isOverdue(signal)) {
    log.warn("message waits: the attempt took too long", about)
    return after("the attempt took too long", backoffMs(leased.attempts))
  }
  if (isAurochsError(error, "ABORTED")) return after("the bot was stopped", 0)
  if (isAurochsError(error, "NETWORK")) {
    return { settlement: later(parts, `network: ${error.details.phase}`, 0), networkAway: true }
  }
  log.warn("message could not be sent", { ...about, ...describeError(error) })
  if (isAurochsError(error, "NO_USABLE_KEY")) {
    return after(`no usable key: ${error.message}`, backoffMs(leased.attempts))
  }
  // It will be no shorter and no other the next time.
  if (isAurochsError(error, "BAD_DATA")) return ended({ kind: "parked", because: error.message })
  if (isAurochsError(error, "UNSUPPORTED")) return ended({ kind: "parked", because: error.message })
  return after(isAurochsError(error) ? error.message : "an unexpected error", backoffMs(leased.attempts))
}

/** The claim of what was not tried does not count. */
export function untried(parts: Parts): Attempted {
  return ended({ ...later(parts, "another message goes first", 0), untried: true })
}

function notNow(settlement: Settlement): Prepared {
  return { kind: "ended", attempted: ended(settlement) }
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
