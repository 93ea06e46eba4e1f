import { type BareJid, type CallOptions, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"
import type { Found, KeyDirectory } from "./directory.ts"

/** One complete answer of a directory. */
export interface Reading {
  /** By fingerprint, in the order of the answer; the certificate was read, its fingerprint is its own. */
  readonly found: ReadonlyMap<Fingerprint, ReadKey>
  /** Reasons of the gaps. */
  readonly gaps: ReadonlyMap<Fingerprint, string>
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
  let unreadable = 0
  for await (const one of o.directory.lookup({ owner: o.owner }, { signal: o.signal })) {
    if ("missing" in one) {
      gaps.set(one.missing, one.because)
      continue
    }
    const info = await tryInspect(one.bytes, o)
    if (info === undefined) unreadable += 1
    else if (!found.has(info.fingerprint)) found.set(info.fingerprint, { info, found: one })
  }
  for (const print of found.keys()) gaps.delete(print)
  return { found, gaps, unreadable }
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
