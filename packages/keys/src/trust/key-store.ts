import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Clock,
  type Fingerprint,
  type KnownKey,
  orAborted,
  type Random,
} from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { KeyStore, StateStore } from "@aurochs/storage"
import { collect } from "../collect.ts"
import { isCounted } from "../first-seen.ts"
import { GONE } from "../gone.ts"
import { makeSealedKey, type OwnHandles, openSealedKey } from "../sealed-key.ts"
import { type AuthenticatedKeys, notKnown } from "./authenticated.ts"
import {
  addOwner,
  changeRecords,
  changeSigned,
  hasRecords,
  type MacKey,
  macKeyOf,
  ownersOf,
  type RecordPlace,
  readRecords,
  readSigned,
  type TrustRecord,
} from "./records.ts"

/** What {@link authenticatedKeys} needs. */
export interface AuthenticatedKeysOptions {
  readonly account: BareJid
  /** Where certificates are kept. */
  readonly keys: KeyStore
  /** Where the records are kept. */
  readonly state: StateStore
  readonly provider: CryptoProvider
  /** Asked when records are first needed. */
  readonly own: (options: CallOptions) => OwnHandles | Promise<OwnHandles>
  readonly clock: Clock
  readonly random: Random
}

/**
 * A key store that whoever can write to its database cannot make trust a key: what the operator said of each key, when
 * it was first seen and what binds it to its owner are authenticated (HMAC-SHA-256) under a key that is sealed to the
 * account's own OpenPGP key. A certificate without such a record counts as a candidate that nothing binds. Records that
 * were changed or removed make every call reject with `STORAGE`: nothing is sent or believed until the operator looks.
 * A record whose certificate is gone is a key without bytes ({@link isGone}): it is never used, and counts all the same.
 *
 * Each record says what is right, not what is newest: whoever can put back one earlier value of it can lift a distrust.
 * The certificates themselves are not in the records: an older one counts until the next reading. Whoever removes all of
 * it, the trust key too, makes a first start: nothing is verified then, and nothing binds a key before its owner's list is
 * read again. A policy of `configuredKeys` alone trusts no other key for all that.
 *
 * Of what was stored before the first record, that a key is distrusted is taken over, and nothing else: anybody may have
 * written it.
 */
export function authenticatedKeys(o: AuthenticatedKeysOptions): AuthenticatedKeys {
  let opening: Promise<MacKey> | undefined
  /** Nobody's signal: others may wait for the same. */
  const open = () => {
    const made = trustKeyOf(o)
    opening = made
    made.catch(() => {
      if (opening === made) opening = undefined
    })
    return made
  }
  const place = async (options: CallOptions | undefined): Promise<RecordPlace> => {
    const trustKey = await orAborted(opening ?? open(), options)
    return { state: o.state, account: o.account, trustKey, signal: options?.signal }
  }

  /** Of a row that somebody else wrote. */
  const recordOfCandidate = async (owner: BareJid, fingerprint: Fingerprint, options: CallOptions | undefined) => {
    for await (const key of o.keys.keysOf(owner, options)) {
      if (key.fingerprint === fingerprint) return recordOf(withRecord(key, undefined))
    }
    throw notKnown(owner, fingerprint)
  }

  return {
    async *keysOf(owner, options) {
      const records = (await readRecords(await place(options), owner)) ?? {}
      const keys = await collect(o.keys.keysOf(owner, options))
      const gone = new Set(Object.keys(records))
      for (const { fingerprint } of keys) gone.delete(fingerprint)
      yield* [
        ...keys.map((key) => withRecord(key, records[key.fingerprint])),
        ...[...gone].map((print) => withoutRow(owner, print as Fingerprint, records[print])),
      ]
        .filter((key) => key !== undefined)
        .toSorted((a, b) => a.firstSeen.getTime() - b.firstSeen.getTime())
    },
    async *owners(options) {
      const at = await place(options)
      const withRows = await collect(o.keys.owners(options))
      const all = new Set(withRows)
      for (const owner of (await ownersOf(at)) as readonly BareJid[]) {
        if (!all.has(owner) && Object.keys((await readRecords(at, owner)) ?? {}).length > 0) all.add(owner)
      }
      yield* all.size === withRows.length ? withRows : [...all].toSorted()
    },
    async put(key, options) {
      let stored = key
      await changeRecords(await place(options), key.owner, (records) => {
        stored = withoutLoss(key, records[key.fingerprint])
        return { ...records, [key.fingerprint]: recordOf(stored) }
      })
      return o.keys.put(stored, options)
    },
    async decide(owner, fingerprint, approval, options) {
      await changeRecords(await place(options), owner, async (records) => {
        const before = records[fingerprint] ?? (await recordOfCandidate(owner, fingerprint, options))
        if (options?.unlessDistrusted && before.approval === "distrusted") return records
        return { ...records, [fingerprint]: { ...before, approval } }
      })
    },
    async remove(owner, fingerprint, options) {
      await o.keys.remove(owner, fingerprint, options)
      await changeRecords(await place(options), owner, (records) => {
        const { [fingerprint]: _, ...rest } = records
        return rest
      })
    },
    async ownKeyChanged(options) {
      if (opening === undefined) return
      await orAborted(open(), options)
    },
    readValue: async (name, options) => readSigned(await place(options), name),
    changeValue: async (name, change, options) => changeSigned(await place(options), name, change),
    [Symbol.asyncDispose]: () => o.keys[Symbol.asyncDispose](),
  }
}

async function trustKeyOf(o: AuthenticatedKeysOptions): Promise<MacKey> {
  const options = { ...o, own: await o.own({}), purpose: "trust" } as const
  const opened = await openSealedKey(options)
  if (opened !== undefined) return macKeyOf(opened)
  const areThere = await hasRecords(options)
  const made = areThere ? undefined : await makeSealedKey(options)
  if (made !== undefined) {
    const trustKey = await macKeyOf(made)
    await takeOver(o, { state: o.state, account: o.account, trustKey })
    return trustKey
  }
  // Another program has made it just now, perhaps.
  const others = await openSealedKey(options)
  if (others !== undefined) return macKeyOf(others)
  if (areThere) throw lost("there are trust records, and their key is gone")
  throw lost("there is no usable own key that the trust records could be sealed to")
}

/**
 * What was decided before there was a key that it could be authenticated with. Nobody knows who wrote those rows, so only
 * what makes a key useless is believed.
 */
async function takeOver(o: AuthenticatedKeysOptions, place: RecordPlace): Promise<void> {
  const call = { signal: place.signal }
  for await (const owner of o.keys.owners(call)) {
    const keys = await collect(o.keys.keysOf(owner, call))
    const refused = keys.filter((key) => key.approval === "distrusted")
    if (refused.length === 0) continue
    await changeRecords(place, owner, (records) => ({
      ...Object.fromEntries(refused.map((key) => [key.fingerprint, recordOf({ ...key, binds: "nothing" })])),
      ...records,
    }))
  }
  await addOwner(place)
}

function recordOf({ approval, binds, firstSeen }: KnownKey): TrustRecord {
  return { approval, binds, firstSeen }
}

/** The records are what counts; a row without one was written by somebody else. */
function withRecord(key: KnownKey, record: TrustRecord | undefined): KnownKey {
  if (record !== undefined) return { ...key, ...record }
  return { ...key, approval: "none", binds: "nothing", announced: false }
}

/**
 * The certificate was removed by somebody else, or never came to be written: nothing can be done with such a key, but it
 * counts among the others, so that none of them is taken for the first or the only one.
 */
function withoutRow(owner: BareJid, fingerprint: Fingerprint, record: TrustRecord | undefined): KnownKey | undefined {
  if (record === undefined) return undefined
  return { owner, fingerprint, bytes: new Uint8Array(), source: GONE, announced: false, ...record }
}

/** What is known of a key, others may have changed since `key` was read: what was decided, what was seen first. */
function withoutLoss(key: KnownKey, record: TrustRecord | undefined): KnownKey {
  if (record === undefined) return key
  const { approval } = record
  const binds = record.binds === "account" ? record.binds : key.binds
  // A candidate is seen for the first time when something binds it.
  return { ...key, approval, binds, ...(isCounted(record) ? { firstSeen: record.firstSeen } : {}) }
}

function lost(text: string): AurochsError<"STORAGE"> {
  return new AurochsError("STORAGE", text, { operation: "trust.key" })
}
