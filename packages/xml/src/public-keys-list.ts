// XEP-0373 v0.7.0 §4.2, the public-key metadata node. https://xmpp.org/extensions/xep-0373.html
import { childElements, element, type Fingerprint, fingerprint, isAurochsError, type XmlElement } from "@aurochs/core"
import { type Codec, expectElement } from "./codec.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"
import { formatDateTime, parseDateTime } from "./time.ts"

const { openpgp } = namespaces

/** One `<pubkey-metadata/>`. */
export interface PublicKeyEntry {
  readonly fingerprint: Fingerprint
  /** When the key was published or updated; undefined if the list does not say it in a form that can be read. */
  readonly date?: Date | undefined
  /** As it was read: another client's entry is written back with whatever it has. */
  readonly raw?: XmlElement | undefined
}

/**
 * `<public-keys-list/>`. Written with upper-case fingerprints, a `Z` date on every entry and no fingerprint twice
 * (R24, R30, R31). Read tolerantly: an entry without a fingerprint is left out, of doubles the newest stays.
 */
export const publicKeysList: Codec<readonly PublicKeyEntry[]> = {
  name: "public-keys-list",
  namespace: openpgp,
  write(entries) {
    return element("public-keys-list", openpgp, {}, unique(entries).map(writeEntry))
  },
  read(e) {
    expectElement(e, "public-keys-list", openpgp)
    return unique(childElements(e, "pubkey-metadata", openpgp).flatMap(readEntry))
  },
}

function writeEntry({ fingerprint: print, date, raw }: PublicKeyEntry): XmlElement {
  const written = raw?.attributes.date
  // A date that is in `Z` form already stays as it is, fractions and all; one that cannot be read counts as the oldest.
  const verbatim = date && written?.endsWith("Z") && dateOf(written)?.getTime() === date.getTime() ? written : undefined
  const known = { "v4-fingerprint": print, date: verbatim ?? formatDateTime(date ?? new Date(0)) }
  return element("pubkey-metadata", openpgp, { ...raw?.attributes, ...known }, raw?.children ?? [])
}

function readEntry(raw: XmlElement): PublicKeyEntry[] {
  try {
    const print = fingerprint(raw.attributes["v4-fingerprint"] ?? "")
    return [{ fingerprint: print, date: dateOf(raw.attributes.date), raw }]
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return []
    throw error
  }
}

function dateOf(text: string | undefined): Date | undefined {
  try {
    return text === undefined ? undefined : parseDateTime(text)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return undefined
    throw error
  }
}

function unique(entries: readonly PublicKeyEntry[]): PublicKeyEntry[] {
  const byPrint = new Map<Fingerprint, PublicKeyEntry>()
  for (const entry of entries) {
    if (!/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(entry.fingerprint)) throw badXml("a malformed fingerprint")
    const before = byPrint.get(entry.fingerprint)
    if (before === undefined || (entry.date?.getTime() ?? 0) > (before.date?.getTime() ?? 0))
      byPrint.set(entry.fingerprint, entry)
  }
  return [...byPrint.values()]
}
