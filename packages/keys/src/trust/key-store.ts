import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Clock,
  type Fingerprint,
  type KnownKey,
  type Random,
} from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { KeyStore, StateStore } from "@aurochs/storage"
import { collect } from "../collect.ts"
import { GONE } from "../gone.ts"
import { makeSealedKey, type OwnHandles, openSealedKey } from "../sealed-key.ts"
import {
  addOwner,
  changeRecords,
  changeSigned,
  hasRecords,
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

/** A key store that can take up a new own key. */
export interface AuthenticatedKeys extends KeyStore {
  /** Seals the trust key again, to the own key that is in use now. */
  ownKeyChanged(options?: CallOptions): Promise<void>
  /** A small value that is authenticated like the records. */
  readValue(name: string, options?: CallOptions): Promise<unknown>
  /** @param change gets what is there, gives what is to be there: JSON */
  changeValue(
    name: string,
    change: (value: unknown) => unknown | Promise<unknown>,
    options?: CallOptions,
  ): Promise<void>
}

/**
 * A key store that whoever can write to its database cannot make trust a key: what the operator said of each key, when
 * it was first seen and what binds it to its owner are authenticated (HMAC-SHA-256) under a key that is sealed to the
 * account's own OpenPGP key. A certificate without such a record counts as a candidate that nothing binds. Records that
 * were changed or removed make every call reject with `STORAGE`: nothing is sent or believed until the operator looks.
 * A record whose certificate is gone is a key without bytes ({@link isGone}): it is never used, and counts all the same.
 *
 * Whoever can put back an old copy of everything can put back what was trusted then; whoever removes all of it, the
 * trust key too, makes a first start. Fingerprints in the configuration (`pinned`) hold against that as well.
 *
 * What was stored before the first record is taken over as it is.
 */
export function authenticatedKeys(o: AuthenticatedKeysOptions): AuthenticatedKeys {
  let opening: Promise<Uint8Array> | undefined
  const place = async (options: CallOptions | undefined): Promise<RecordPlace> => {
    opening ??= trustKeyOf(o, { signal: options?.signal })
    try {
      return { state: o.state, account: o.account, trustKey: await opening, signal: options?.signal }
    } catch (error) {
      opening = undefined
      throw error
    }
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
      await changeRecords(await place(options), key.owner, async (records) => {
        stored = await withoutLoss(key, records[key.fingerprint], o.keys, options)
        return { ...records, [key.fingerprint]: recordOf(stored) }
      })
      await o.keys.put(stored, options)
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
      opening = trustKeyOf(o, { signal: options?.signal })
      await place(options)
    },
    readValue: async (name, options) => readSigned(await place(options), name),
    changeValue: async (name, change, options) => changeSigned(await place(options), name, change),
    [Symbol.asyncDispose]: () => o.keys[Symbol.asyncDispose](),
  }
}

async function trustKeyOf(o: AuthenticatedKeysOptions, call: CallOptions): Promise<Uint8Array> {
  const options = { ...o, ...call, own: await o.own(call), purpose: "trust" } as const
  const opened = await openSealedKey(options)
  if (opened !== undefined) return opened
  if (await hasRecords(options)) throw lost("there are trust records, and their key is gone")
  const made = await makeSealedKey(options)
  if (made !== undefined) {
    await takeOver(o, { state: o.state, account: o.account, trustKey: made, ...call })
    return made
  }
  const others = await openSealedKey(options)
  if (others === undefined) throw lost("there is no usable own key that the trust records could be sealed to")
  return others
}

/** What an earlier version, or a command without a key, has stored. */
async function takeOver(o: AuthenticatedKeysOptions, place: RecordPlace): Promise<void> {
  const call = { signal: place.signal }
  for await (const owner of o.keys.owners(call)) {
    const keys = await collect(o.keys.keysOf(owner, call))
    await changeRecords(place, owner, (records) => ({
      ...Object.fromEntries(keys.map((key) => [key.fingerprint, recordOf(key)])),
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

/** A row that was removed behind our back, and is read again, is not a new key: what was said of it stands. */
async function withoutLoss(
  key: KnownKey,
  record: TrustRecord | undefined,
  keys: KeyStore,
  options: CallOptions | undefined,
): Promise<KnownKey> {
  if (record === undefined || key.approval !== "none" || record.approval === "none") return key
  for await (const one of keys.keysOf(key.owner, options)) if (one.fingerprint === key.fingerprint) return key
  return { ...key, approval: record.approval, firstSeen: record.firstSeen }
}

function lost(text: string): AurochsError<"STORAGE"> {
  return new AurochsError("STORAGE", text, { operation: "trust.key" })
}
