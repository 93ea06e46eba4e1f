import { AurochsError, type BareJid, type CallOptions, type KnownKey } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import { decodeBase64, encodeBase64 } from "@aurochs/xml"
import { field, strings } from "../json-state.ts"

/** What is authenticated of a known key: everything a policy looks at that the certificate itself does not say. */
export type TrustRecord = Pick<KnownKey, "approval" | "binds" | "firstSeen">

/** The records of one owner by fingerprint. */
export type TrustRecords = Readonly<Record<string, TrustRecord>>

/** Where records lie, and the key that authenticates them. */
export interface RecordPlace extends CallOptions {
  readonly state: StateStore
  readonly account: BareJid
  readonly trustKey: MacKey
}

/** Authenticates records; cannot be taken out. */
export type MacKey = Awaited<ReturnType<typeof globalThis.crypto.subtle.importKey>>

/**
 * @param bytes of the key; overwritten
 */
export async function macKeyOf(bytes: Uint8Array): Promise<MacKey> {
  const copy = new Uint8Array(bytes)
  try {
    const { subtle } = globalThis.crypto
    return await subtle.importKey("raw", copy, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"])
  } finally {
    copy.fill(0)
    bytes.fill(0)
  }
}

/** Others may write the same records at the same time; this often are they read again. */
const MAX_ROUNDS = 10

const recordsKey = (account: BareJid, owner: BareJid) => `trust/keys/${account}/${owner}`
const ownersKey = (account: BareJid) => `trust/owners/${account}`

/**
 * The records of one owner; undefined if there never were any.
 *
 * @throws {AurochsError} `STORAGE` if they were changed or removed by somebody without the trust key
 */
export async function readRecords(o: RecordPlace, owner: BareJid): Promise<TrustRecords | undefined> {
  const stored = await o.state.get(recordsKey(o.account, owner), { signal: o.signal })
  if (stored !== undefined) return verified(o, owner, stored.bytes)
  if (!(await ownersOf(o)).includes(owner)) return undefined
  // Another program may have written both since: the records stand before the owner is listed.
  const since = await o.state.get(recordsKey(o.account, owner), { signal: o.signal })
  if (since !== undefined) return verified(o, owner, since.bytes)
  throw tampered(`the trust records of ${owner} are gone`)
}

/**
 * Changes the records of one owner.
 *
 * @param change gets what is there
 * @throws {AurochsError} `STORAGE`
 */
export async function changeRecords(
  o: RecordPlace,
  owner: BareJid,
  change: (records: TrustRecords) => TrustRecords | Promise<TrustRecords>,
): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const stored = await o.state.get(recordsKey(o.account, owner), { signal: o.signal })
    const before = stored === undefined ? await readRecords(o, owner) : await verified(o, owner, stored.bytes)
    const after = await change(before ?? {})
    const mac = encodeBase64(await sign(o.trustKey, textOf(o.account, owner, after)))
    const bytes = new TextEncoder().encode(JSON.stringify({ keys: after, mac }))
    const call = { signal: o.signal, ifVersion: stored?.version ?? "absent" }
    const result = await o.state.put(recordsKey(o.account, owner), bytes, call)
    if (result.kind === "conflict") continue
    // Afterwards: a crash in between leaves records that are not in the list, which is no harm.
    if (stored === undefined) await addOwner(o, owner)
    return
  }
  throw new AurochsError("STORAGE", "the trust records are changed by others all the time", { operation: "trust.put" })
}

/** Was anything ever recorded? */
export async function hasRecords({ state, account, signal }: Omit<RecordPlace, "trustKey">): Promise<boolean> {
  return (await state.get(ownersKey(account), { signal })) !== undefined
}

/**
 * A small value that only this account's own programs have written.
 *
 * @param name also what it is for: a value does not stand for one of another name
 * @throws {AurochsError} `STORAGE` if somebody else changed it
 */
export async function readSigned(o: RecordPlace, name: string): Promise<unknown> {
  const stored = await o.state.get(`trust/${name}/${o.account}`, { signal: o.signal })
  return stored === undefined ? undefined : signedValue(o, name, stored.bytes)
}

/** Changes such a value. */
export async function changeSigned(
  o: RecordPlace,
  name: string,
  change: (value: unknown) => unknown | Promise<unknown>,
): Promise<void> {
  const key = `trust/${name}/${o.account}`
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const stored = await o.state.get(key, { signal: o.signal })
    const json = JSON.stringify(
      await change(stored === undefined ? undefined : await signedValue(o, name, stored.bytes)),
    )
    const mac = encodeBase64(await sign(o.trustKey, valueText(o.account, name, json)))
    const bytes = new TextEncoder().encode(JSON.stringify({ json, mac }))
    const call = { signal: o.signal, ifVersion: stored?.version ?? "absent" }
    if ((await o.state.put(key, bytes, call)).kind === "stored") return
  }
  throw new AurochsError("STORAGE", "the trust records are changed by others all the time", { operation: "trust.put" })
}

async function signedValue(o: RecordPlace, name: string, bytes: Uint8Array): Promise<unknown> {
  const value = parse(bytes)
  const json = field(value, "json")
  if (typeof json === "string" && (await isRight(o.trustKey, valueText(o.account, name, json), field(value, "mac")))) {
    return JSON.parse(json)
  }
  throw tampered(`trust/${name} was changed by somebody else`)
}

function valueText(account: BareJid, name: string, json: string): string {
  return JSON.stringify(["aurochs-trust-value", 1, account, name, json])
}

/**
 * Everybody of whom there ever was a record.
 *
 * @throws {AurochsError} `STORAGE` if somebody else changed the list
 */
export async function ownersOf(o: RecordPlace): Promise<readonly string[]> {
  const stored = await o.state.get(ownersKey(o.account), { signal: o.signal })
  if (stored === undefined) return []
  const value = parse(stored.bytes)
  const owners = strings(field(value, "owners"))
  if (await isRight(o.trustKey, ownersText(o.account, owners), field(value, "mac"))) return owners
  throw tampered("the list of trust records was changed by somebody else")
}

/** An empty list is written, too: from then on its absence is told from a first start. */
export async function addOwner(o: RecordPlace, owner?: BareJid): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const stored = await o.state.get(ownersKey(o.account), { signal: o.signal })
    const before = await ownersOf(o)
    if (owner !== undefined && before.includes(owner)) return
    const owners = [...before, ...(owner === undefined ? [] : [owner])].toSorted()
    const mac = encodeBase64(await sign(o.trustKey, ownersText(o.account, owners)))
    const bytes = new TextEncoder().encode(JSON.stringify({ owners, mac }))
    const call = { signal: o.signal, ifVersion: stored?.version ?? "absent" }
    if ((await o.state.put(ownersKey(o.account), bytes, call)).kind === "stored") return
  }
  throw new AurochsError("STORAGE", "the trust records are changed by others all the time", { operation: "trust.put" })
}

async function verified(o: RecordPlace, owner: BareJid, bytes: Uint8Array): Promise<TrustRecords> {
  const value = parse(bytes)
  const records = readAll(field(value, "keys"))
  const right =
    records !== undefined && (await isRight(o.trustKey, textOf(o.account, owner, records), field(value, "mac")))
  if (records !== undefined && right) return records
  throw tampered(`the trust records of ${owner} were changed by somebody else`)
}

function readAll(value: unknown): TrustRecords | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const records: Record<string, TrustRecord> = {}
  for (const [print, one] of Object.entries(value)) {
    const [approval, binds, seen] = [field(one, "approval"), field(one, "binds"), field(one, "firstSeen")]
    const firstSeen = new Date(typeof seen === "string" ? seen : Number.NaN)
    if (!isOneOf(APPROVALS, approval) || !isOneOf(BINDINGS, binds) || Number.isNaN(firstSeen.getTime()))
      return undefined
    records[print] = { approval, binds, firstSeen }
  }
  return records
}

const APPROVALS = ["verified", "distrusted", "none"] as const
const BINDINGS = ["account", "dnssec", "https-domain", "nothing"] as const

function isOneOf<const T extends readonly string[]>(all: T, value: unknown): value is T[number] {
  return typeof value === "string" && all.includes(value)
}

/** What is signed: one text for one meaning. */
function textOf(account: BareJid, owner: BareJid, records: TrustRecords): string {
  const rows = Object.entries(records)
    .map(([print, { approval, binds, firstSeen }]) => [print, approval, binds, firstSeen.toISOString()])
    .toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1))
  return JSON.stringify(["aurochs-trust-records", 1, account, owner, rows])
}

function ownersText(account: BareJid, owners: readonly string[]): string {
  return JSON.stringify(["aurochs-trust-owners", 1, account, owners])
}

async function sign(key: MacKey, text: string): Promise<Uint8Array> {
  return new Uint8Array(await globalThis.crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)))
}

async function isRight(key: MacKey, text: string, mac: unknown): Promise<boolean> {
  if (typeof mac !== "string") return false
  try {
    const bytes = decodeBase64(mac).slice()
    return await globalThis.crypto.subtle.verify("HMAC", key, bytes, new TextEncoder().encode(text))
  } catch {
    return false
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

function tampered(text: string): AurochsError<"STORAGE"> {
  return new AurochsError("STORAGE", text, { operation: "trust.records" })
}
