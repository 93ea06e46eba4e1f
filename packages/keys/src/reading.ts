import { type BareJid, type CallOptions, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"
import type { Found, KeyDirectory } from "./directory.ts"

/** One complete answer of a directory. */
export interface Reading {
  /** By fingerprint, in the order of the answer; the certificate was read, its fingerprint is its own. */
  readonly found: ReadonlyMap<Fingerprint, ReadKey>
  /** Reasons of the gaps in the owner's list. */
  readonly gaps: ReadonlyMap<Fingerprint, string>
  /** Gaps of sources that do not speak for the account. */
  readonly candidateGaps: ReadonlyMap<Fingerprint, string>
  /** Certificates that could not be read at all, so that nobody can say whose they are. */
  readonly unreadable: number
}

/** A certificate that was found. */
export interface ReadKey {
  readonly info: CertificateInfo
  readonly found: Found
}

/**
 * Reads everything a directory has for an account. What it throws means that nothing was learnt.
 *
 * @throws {AurochsError} as `KeyDirectory.lookup` and `CryptoProvider.inspect`
 */
export async function readDirectory(
  o: {
    readonly owner: BareJid
    readonly directory: KeyDirectory
    readonly provider: CryptoProvider
    readonly now: Date
  } & CallOptions,
): Promise<Reading> {
  const found = new Map<Fingerprint, ReadKey>()
  const gaps = new Map<Fingerprint, string>()
  const candidateGaps = new Map<Fingerprint, string>()
  const gapSources = new Map<Fingerprint, string>()
  let unreadable = 0
  for await (const one of o.directory.lookup({ owner: o.owner }, { signal: o.signal })) {
    if ("missing" in one) {
      const kind = one.candidate ? candidateGaps : gaps
      kind.set(one.missing, one.because)
      if (!one.candidate) gapSources.set(one.missing, one.source ?? o.directory.name)
      continue
    }
    const info = await tryInspect(one.bytes, o)
    if (info === undefined) {
      unreadable += 1
      continue
    }
    const before = found.get(info.fingerprint)
    found.set(
      info.fingerprint,
      before === undefined ? { info, found: one } : await both(before, { info, found: one }, o),
    )
  }
  for (const [print, read] of found) {
    candidateGaps.delete(print)
    // The list names this fingerprint: wherever the certificate comes from, it is the one that the account means.
    const source = gapSources.get(print)
    if (source !== undefined && read.found.binds !== "account") {
      found.set(print, { ...read, found: { ...read.found, source, binds: "account" } })
    }
    gaps.delete(print)
  }
  return { found, gaps, candidateGaps, unreadable }
}

/** What the account itself lists, as far as its certificate was found. */
export function announcedIn(reading: Reading): Fingerprint[] {
  return [...reading.found].flatMap(([print, { found }]) => (found.binds === "account" ? [print] : []))
}

/** One certificate from two sources: everything that both have, and the word of the one that speaks for the account. */
async function both(
  a: ReadKey,
  b: ReadKey,
  o: { readonly provider: CryptoProvider; readonly now: Date } & CallOptions,
): Promise<ReadKey> {
  const [main, other] = b.found.binds === "account" && a.found.binds !== "account" ? [b, a] : [a, b]
  try {
    const { bytes } = await o.provider.merge(main.found.bytes, other.found.bytes, { signal: o.signal })
    return { info: await o.provider.inspect(bytes, { now: o.now, signal: o.signal }), found: { ...main.found, bytes } }
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") || isAurochsError(error, "UNSUPPORTED")) return main
    throw error
  }
}

/** What the certificate says; undefined if it cannot be read. */
export async function tryInspect(
  bytes: Uint8Array,
  o: { readonly provider: CryptoProvider; readonly now: Date } & CallOptions,
): Promise<CertificateInfo | undefined> {
  try {
    return await o.provider.inspect(bytes, { now: o.now, signal: o.signal })
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") || isAurochsError(error, "UNSUPPORTED")) return undefined
    throw error
  }
}
