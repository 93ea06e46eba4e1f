import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Fingerprint,
  isAurochsError,
  sameBareJid,
} from "@aurochs/core"
import { type PublicKeyEntry, pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import type { Found, Missing } from "../directory.ts"
import { invisibleBecause, newestItemOf, type PepContext } from "./context.ts"
import { inOrder } from "./in-order.ts"

/** Name of the directory, as in `KnownKey.source`. */
export const SOURCE = "pep"
/** Data nodes that are asked for at the same time. */
const AT_ONCE = 4

/**
 * The account's newest key list (XEP-0373 §4.2, §4.4); empty if there is none that we may see.
 *
 * @throws {AurochsError} `BAD_DATA` if what is there is no key list: it must not pass for an empty one; `STANZA_ERROR` for
 * every answer about one's own list but `item-not-found`
 */
export async function readList(
  pep: PepContext,
  owner: BareJid,
  options: CallOptions,
): Promise<readonly PublicKeyEntry[]> {
  try {
    const item = await newestItemOf(pep, owner, publicKeysNode, options)
    if (item === undefined) return []
    if (item.payload !== undefined) return publicKeysList.read(item.payload)
  } catch (error) {
    const because = invisibleBecause(error)
    // One's own list is there to be seen: a server that does not let us is at fault, and a list that is written anew, or a
    // key that is made anew, because of that would be a loss.
    if (because === "item-not-found" || (because !== undefined && !sameBareJid(owner, pep.account))) return []
    throw error
  }
  throw new AurochsError("BAD_DATA", "the key list came without its payload", { what: "xml" })
}

/** Every listed key with its certificate, or the reason why it could not be had. In the order of the list. */
export async function* lookupKeys(
  pep: PepContext,
  query: { readonly owner: BareJid; readonly fingerprint?: Fingerprint | undefined },
  options: CallOptions = {},
): AsyncGenerator<Found | Missing> {
  const list = await readList(pep, query.owner, options)
  const listed = list.map((entry) => entry.fingerprint)
  const wanted = query.fingerprint === undefined ? listed : listed.filter((one) => one === query.fingerprint)
  const fetched = wanted.slice(0, pep.maxKeys)
  const fetch = (print: Fingerprint, o: CallOptions) => fetchKey(pep, query.owner, print, o)
  yield* inOrder(fetched, fetch, { atOnce: AT_ONCE, signal: options.signal })
  for (const missing of wanted.slice(pep.maxKeys)) yield gap(missing, "too-many-listed")
}

/** One data node (XEP-0373 §4.1). Its newest item only; what the list says of it is held against its content. */
async function fetchKey(
  pep: PepContext,
  owner: BareJid,
  print: Fingerprint,
  options: CallOptions,
): Promise<Found | Missing> {
  // Fluux up to 0.16 publishes under the lower-case fingerprint (R24).
  const data = await fetchData(pep, owner, [publicKeyNode(print), lowerCaseNode(print)], options)
  if (typeof data === "string") return gap(print, data)
  try {
    const info = await pep.provider.inspect(data, { now: pep.clock.now(), signal: options.signal })
    if (info.fingerprint !== print) return gap(print, "other-fingerprint")
    return { bytes: data, source: SOURCE, binds: "account" }
  } catch (error) {
    if (isAurochsError(error, "UNSUPPORTED")) return gap(print, "unsupported")
    if (!isAurochsError(error, "BAD_DATA")) throw error
    return gap(print, error.details.limit === undefined ? "unreadable" : "too-large")
  }
}

function gap(missing: Fingerprint, because: string): Missing {
  return { missing, because, source: SOURCE }
}

/**
 * The bytes in the first of these data nodes that has any, or why there are none.
 *
 * @throws {AurochsError} `NETWORK` (the connection is gone), `ABORTED`
 */
export async function fetchData(
  pep: PepContext,
  owner: BareJid,
  nodes: readonly string[],
  options: CallOptions,
): Promise<Uint8Array | string> {
  let because: string | undefined
  for (const node of nodes) {
    try {
      const item = await newestItemOf(pep, owner, node, options)
      if (item?.payload !== undefined) return pubkey.read(item.payload)
      because ??= "not-found"
    } catch (error) {
      const invisible = invisibleBecause(error)
      if (invisible === undefined) return reasonOf(error)
      // Of several nodes, the answer for the first one tells.
      because ??= invisible === "item-not-found" ? "not-found" : invisible
    }
  }
  return because ?? "not-found"
}

/** The data node as Fluux up to 0.16 named it. */
export function lowerCaseNode(print: Fingerprint): string {
  return `${publicKeysNode}:${print.toLowerCase()}`
}

function reasonOf(error: unknown): string {
  if (isAurochsError(error, "BAD_DATA")) return "unreadable"
  if (isAurochsError(error, "STANZA_ERROR")) return error.details.condition
  if (isAurochsError(error, "NETWORK") && error.details.phase === "timeout") return "timeout"
  throw error
}
