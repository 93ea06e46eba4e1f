import type { Leased } from "@aurochs/storage"
import { type Attempted, complete, type Prepared, prepare, untried } from "./attempt.ts"
import { breathe } from "./breathe.ts"
import type { ContactKeys } from "./contact-keys.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { OwnWords } from "./own-words.ts"
import type { Parts } from "./parts.ts"
import { runKeys } from "./run-keys.ts"
import { limited } from "./time-limit.ts"

/** Messages of a run that are being sealed at the same time. */
const MAX_SEALING = 8
/** An attempt is ended before its lease, so that nobody else can have the message at the same time. */
const ATTEMPT_MS = 100_000
/** Nothing more of a run is begun then, so that what was begun has its time. */
const BEGIN_MS = 30_000
/** What an attempt that is under way still gets when the bot is stopped. */
const LAST_ATTEMPT_MS = 2_000

/** What sending works with. */
export interface SendOptions {
  readonly parts: Parts
  readonly own: () => OwnKeys
  readonly contacts: ContactKeys
  readonly words: OwnWords
  /** Begin nothing more; what is under way has a moment to finish. */
  readonly stop: AbortSignal
  /** Give up what is under way. */
  readonly hardStop: AbortSignal
}

/**
 * Sends messages to one recipient in their order: several are sealed at once, each is written when those before it were
 * written, and none waits for the acknowledgement of the one before. A message that has to wait holds back those behind
 * it that are not written yet: they are given back untried. What is written is safe from that: acknowledgements count,
 * so the server cannot have the later one without the one before (XEP-0198 §4).
 *
 * @param run messages to one recipient, in their order
 * @param settle told once for each of them; never throws
 */
export async function sendRun(
  run: readonly Leased[],
  settle: (leased: Leased, attempting: Promise<Attempted>) => Promise<void>,
  options: SendOptions,
): Promise<void> {
  const { parts, stop, hardStop } = options
  const { clock } = parts
  const [head] = run
  if (head === undefined) return
  const begunAt = clock.now().getTime()
  /** Aborted when a message has to wait. */
  const held = new AbortController()
  const last = new AbortController()
  const over = new AbortController()
  // Without a server it would wait for one, and the bot for it.
  const hurry = () => {
    const late = () => last.abort()
    clock.sleep(LAST_ATTEMPT_MS, { signal: over.signal }).then(late, () => {})
  }
  stop.addEventListener("abort", hurry, { once: true })
  if (stop.aborted) hurry()

  const work = async (signal: AbortSignal): Promise<void> => {
    const own = options.own()
    const keys = runKeys(head.recipient, { parts, own, contacts: options.contacts, signal })
    const attempt = { parts, own, keys, words: options.words, signal }
    const sealing: Promise<Prepared | { readonly kind: "thrown"; readonly error: unknown }>[] = []
    const prepareUpTo = (end: number) => {
      for (const leased of run.slice(sealing.length, end)) {
        sealing.push(prepare(leased, attempt).catch((error: unknown) => ({ kind: "thrown", error })))
      }
    }
    const finishing: Promise<void>[] = []
    const finish = (leased: Leased, attempting: Promise<Attempted>) => {
      const watched = attempting.then((attempted) => {
        if (attempted.settlement.kind === "waiting") held.abort()
        return attempted
      })
      finishing.push(settle(leased, watched))
    }
    // Whoever still waits for a connection gives up when one before has to wait.
    const sendSignal = AbortSignal.any([signal, held.signal])

    for (const [at, leased] of run.entries()) {
      const isLate = clock.now().getTime() - begunAt > BEGIN_MS
      // The first one is tried in any case: how it ends is its outcome.
      if (held.signal.aborted || (at > 0 && (stop.aborted || isLate))) {
        finish(leased, Promise.resolve(untried(parts)))
        continue
      }
      prepareUpTo(at + MAX_SEALING)
      if (at % MAX_SEALING === MAX_SEALING - 1) await breathe()
      const prepared = await sealing[at]
      if (prepared === undefined || prepared.kind === "thrown") {
        held.abort()
        finish(leased, Promise.reject(prepared?.error))
      } else if (held.signal.aborted) finish(leased, Promise.resolve(untried(parts)))
      else if (prepared.kind === "ended") {
        if (prepared.attempted.settlement.kind === "waiting") held.abort()
        finish(leased, Promise.resolve(prepared.attempted))
      } else {
        const sending = parts.transport.send(prepared.stanza, { signal: sendSignal })
        finish(leased, complete(leased, prepared, sending, { ...attempt, held: held.signal }))
      }
    }
    await Promise.all(finishing)
  }

  try {
    await limited(ATTEMPT_MS, clock, [hardStop, last.signal], work)
  } finally {
    stop.removeEventListener("abort", hurry)
    over.abort()
  }
}
