import { type Fingerprint, isAurochsError } from "@aurochs/core"
import { equalBytes } from "../collect.ts"
import type { KeyDirectory } from "../directory.ts"
import { readDirectory } from "../reading.ts"
import { userIdOf } from "../user-id.ts"
import { announcedForm } from "./announced-form.ts"
import { goodIn, inUse, stateOf } from "./in-use.ts"
import { type LifeOptions, type OwnSecret, withSecrets } from "./parts.ts"
import { type Rotation, rotationOf } from "./rotation.ts"

/** How one source has one of one's own keys. */
export interface Presence {
  readonly source: string
  /**
   * `differs`: not the newest copy as it was made here: an older one, or one that the source changed (a verifying key
   * server takes User IDs off). `listed`: without its certificate. `unknown`: the source could not be asked.
   */
  readonly state: "same" | "differs" | "listed" | "absent" | "unknown"
}

/** One of one's own keys. */
export interface OwnKeyStatus {
  readonly fingerprint: Fingerprint
  /** The one that signs. */
  readonly current: boolean
  /** Why it cannot be the key in use. It still decrypts. */
  readonly unusable?: string | undefined
  readonly createdAt: Date
  readonly expiresAt?: Date | undefined
  readonly revokedAt?: Date | undefined
  /** One's other keys that vouch for it. */
  readonly certifiedBy: readonly Fingerprint[]
  readonly presence: readonly Presence[]
}

/** What there is to do, the most pressing first. */
export type Advice =
  /** No key here can be used, and the account announces one: bring its secret here. */
  | { readonly todo: "bring"; readonly fingerprints: readonly Fingerprint[] }
  /** No key here can be used, and none is announced. */
  | { readonly todo: "generate" }
  /** The key in use is not in the list, or its certificate there is not the newest. */
  | { readonly todo: "announce"; readonly fingerprint: Fingerprint }
  /** A key in the list that is not ours: who put it there? It is never encrypted to. */
  | { readonly todo: "examine"; readonly fingerprint: Fingerprint }
  /** It expires within a month. */
  | { readonly todo: "renew"; readonly fingerprint: Fingerprint; readonly expiresAt: Date }
  /** The overlap of the rotation is over. */
  | { readonly todo: "retire"; readonly fingerprint: Fingerprint }

/** Everything about the account's own keys. */
export interface KeyStatus {
  /** Oldest first. */
  readonly keys: readonly OwnKeyStatus[]
  /** In the account's own list, and their secret is not here. */
  readonly foreign: readonly Fingerprint[]
  readonly rotation?: Rotation | undefined
  /** Empty: all is well. */
  readonly advice: readonly Advice[]
}

/** Thirty days. */
const SOON_MS = 2_592_000_000

/**
 * Compares what is here with what each source has, and says what to do. Changes nothing.
 *
 * @throws {AurochsError} `KEY_LOCKED`, `CANNOT_DECRYPT`, and what the directories throw
 */
export async function keyStatus(o: LifeOptions): Promise<KeyStatus> {
  return withSecrets(o, async (own) => {
    const now = o.clock.now()
    const held = new Set(own.map(({ info }) => info.fingerprint))
    const list = await copiesAt(o.directory, o)
    const others = await Promise.all((o.alsoTo ?? []).map((directory) => copiesElsewhere(directory, [...held], o)))
    const rotation = await rotationOf(o)
    const current = inUse(own, list.copies)
    const keys: OwnKeyStatus[] = []
    for (const one of own) keys.push(await statusOf(o, one, own, one === current, [list, ...others]))
    const foreign = [...list.copies.keys()].filter((print) => !held.has(print))
    const advice: Advice[] = []
    if (current === undefined) advice.push(foreign.length > 0 ? bring(foreign) : { todo: "generate" })
    const listed = keys.find((key) => key.current)?.presence[0]?.state
    if (current !== undefined && listed !== "same") {
      advice.push({ todo: "announce", fingerprint: current.info.fingerprint })
    }
    for (const fingerprint of current === undefined ? [] : foreign) advice.push({ todo: "examine", fingerprint })
    const expiresAt = current?.info.expiresAt
    if (current !== undefined && expiresAt !== undefined && expiresAt.getTime() - now.getTime() < SOON_MS) {
      advice.push({ todo: "renew", fingerprint: current.info.fingerprint, expiresAt })
    }
    const isOver = rotation !== undefined && rotation.retireAt.getTime() <= now.getTime()
    if (isOver && stateOf(rotation, own, list.good) === "due") {
      advice.push({ todo: "retire", fingerprint: rotation.from })
    }
    return { keys, foreign, rotation, advice }
  })
}

function bring(fingerprints: readonly Fingerprint[]): Advice {
  return { todo: "bring", fingerprints }
}

interface Copies {
  readonly source: string
  /** Undefined: listed without a certificate. */
  readonly copies: ReadonlyMap<Fingerprint, Uint8Array | undefined>
}

async function copiesAt(
  directory: KeyDirectory,
  o: LifeOptions,
): Promise<Copies & { readonly good: ReadonlySet<Fingerprint> }> {
  const reading = await readDirectory({ ...o, directory, owner: o.account, now: o.clock.now() })
  const { found, gaps } = reading
  const copies = new Map<Fingerprint, Uint8Array | undefined>()
  for (const [print, read] of found) copies.set(print, read.found.bytes)
  for (const print of gaps.keys()) copies.set(print, undefined)
  return { source: directory.name, copies, good: goodIn(reading) }
}

/** By fingerprint: whoever gives out no User IDs finds nothing by the account's address. */
async function copiesElsewhere(
  directory: KeyDirectory,
  prints: readonly Fingerprint[],
  o: LifeOptions,
): Promise<Copies | { readonly source: string; readonly copies: undefined }> {
  const copies = new Map<Fingerprint, Uint8Array | undefined>()
  try {
    for (const fingerprint of prints) {
      for await (const one of directory.lookup({ owner: o.account, fingerprint }, { signal: o.signal })) {
        if ("bytes" in one) copies.set(fingerprint, one.bytes)
      }
    }
    return { source: directory.name, copies }
  } catch (error) {
    if (!isAurochsError(error) || error.code === "ABORTED") throw error
    return { source: directory.name, copies: undefined }
  }
}

async function statusOf(
  o: LifeOptions,
  { key, info, unusable }: OwnSecret,
  own: readonly OwnSecret[],
  current: boolean,
  sources: readonly (Omit<Copies, "copies"> & { readonly copies: Copies["copies"] | undefined })[],
): Promise<OwnKeyStatus> {
  const { fingerprint, createdAt, expiresAt, revokedAt } = info
  const certificates = own.map((one) => one.key.certificate)
  const by = certificates.filter((one) => one.fingerprint !== fingerprint)
  const asked = { by, userId: userIdOf(o.account), now: o.clock.now(), signal: o.signal }
  const certifiedBy = (await o.provider.certifiedBy?.(key.certificate.bytes, asked)) ?? []
  const presence: Presence[] = []
  for (const { source, copies } of sources) {
    if (copies === undefined) presence.push({ source, state: "unknown" })
    else if (!copies.has(fingerprint)) presence.push({ source, state: "absent" })
    else {
      const state = await compared(o, key.certificate, copies.get(fingerprint), certificates)
      presence.push({ source, state })
    }
  }
  return { fingerprint, current, unusable, createdAt, expiresAt, revokedAt, certifiedBy, presence }
}

async function compared(
  o: LifeOptions,
  certificate: OwnSecret["key"]["certificate"],
  copy: Uint8Array | undefined,
  own: readonly OwnSecret["key"]["certificate"][],
): Promise<Presence["state"]> {
  if (copy === undefined) return "listed"
  const wanted = await announcedForm(o, certificate, own)
  return equalBytes(copy, wanted.bytes) ? "same" : "differs"
}
