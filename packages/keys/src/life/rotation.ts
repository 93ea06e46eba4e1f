import type { BareJid, CallOptions, Fingerprint } from "@aurochs/core"
import { fingerprint, isAurochsError } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import { changeState, field, readState } from "../json-state.ts"

/** A rotation that was begun. */
export interface Rotation {
  readonly from: Fingerprint
  readonly to: Fingerprint
  readonly startedAt: Date
  /** Until then both keys are announced. */
  readonly retireAt: Date
}

interface Place extends CallOptions {
  readonly state: StateStore
  readonly account: BareJid
}

const stateKey = (account: BareJid) => `own-key/rotation/${account}`

/**
 * The rotation under way; undefined if there is none, or the old key is out of use.
 *
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function rotationOf(o: Place): Promise<Rotation | undefined> {
  const value = await readState(o.state, stateKey(o.account), { signal: o.signal })
  const [from, to] = [print(field(value, "from")), print(field(value, "to"))]
  const [startedAt, retireAt] = [time(field(value, "startedAt")), time(field(value, "retireAt"))]
  if (from === undefined || to === undefined || startedAt === undefined || retireAt === undefined) return undefined
  return { from, to, startedAt, retireAt }
}

/** Written before the new key is announced: what is interrupted is taken up, and no third key is made. */
export async function rememberRotation(o: Place & { readonly rotation: Rotation }): Promise<void> {
  await changeState(o.state, stateKey(o.account), () => o.rotation, { signal: o.signal })
}

/** One of its keys is out of use, or revoked: what was to follow is not to happen any more. */
export async function endRotation(o: Place): Promise<void> {
  await o.state.delete(stateKey(o.account), { signal: o.signal })
}

/** Ends the rotation that this key takes part in, as the old one or as the new one. */
export async function endRotationOf(o: Place, fingerprint: Fingerprint): Promise<void> {
  const rotation = await rotationOf(o)
  if (rotation?.from === fingerprint || rotation?.to === fingerprint) await endRotation(o)
}

function print(value: unknown): Fingerprint | undefined {
  try {
    return typeof value === "string" ? fingerprint(value) : undefined
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return undefined
    throw error
  }
}

function time(value: unknown): Date | undefined {
  const date = new Date(typeof value === "string" ? value : Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}
