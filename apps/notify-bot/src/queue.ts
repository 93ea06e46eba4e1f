import { UsageError } from "@aurochs/cli-kit"
import type { BareJid } from "@aurochs/core"
import type { Outbox, OutboxEntry } from "@aurochs/storage"

/**
 * Lets messages be tried again at once, those that were put aside, too.
 *
 * @param ids undefined: all
 * @returns those messages, as they were before
 * @throws {UsageError} naming the ids that are not in the queue: nothing was changed
 */
export async function retryQueued(
  outbox: Outbox,
  account: BareJid,
  ids: readonly string[] | undefined,
): Promise<OutboxEntry[]> {
  const entries = await queued(outbox, account, ids)
  await outbox.unpark(entries.map(({ id }) => id))
  for (const recipient of new Set(entries.map((entry) => entry.recipient))) await outbox.wake(account, { recipient })
  return entries
}

/**
 * Forgets messages that were not sent: they never will be.
 *
 * @returns those messages, as they were before
 * @throws {UsageError} naming the ids that are not in the queue: nothing was changed
 */
export async function dropQueued(outbox: Outbox, account: BareJid, ids: readonly string[]): Promise<OutboxEntry[]> {
  const entries = await queued(outbox, account, ids)
  await outbox.drop(entries.map(({ id }) => id))
  return entries
}

async function queued(outbox: Outbox, account: BareJid, ids: readonly string[] | undefined): Promise<OutboxEntry[]> {
  const entries = await Array.fromAsync(outbox.list(account))
  if (ids === undefined) return entries
  const unknown = ids.filter((id) => !entries.some((entry) => entry.id === id))
  if (unknown.length > 0)
    throw new UsageError(`Not in the queue: ${unknown.join(", ")}; aurochs-notify queue list shows what is.`)
  return entries.filter(({ id }) => ids.includes(id))
}

/** An entry as a line, with the reason why it is still there. */
export function queueLine({ id, enqueuedAt, recipient, state, because, retryAt, attempts }: OutboxEntry): string {
  const untried = state === "waiting" && attempts === 0
  const why = because ?? (untried ? "not tried yet: is the service running and connected? see /healthz" : undefined)
  const next = state === "waiting" && retryAt !== undefined ? `, next try ${retryAt.toISOString()}` : ""
  return `${id}  ${enqueuedAt.toISOString()}  to ${recipient}  ${state}${why ? `: ${why}` : ""}${next}, ${attempts} tries`
}
