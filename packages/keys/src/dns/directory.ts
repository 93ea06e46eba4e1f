import { createHash } from "node:crypto"
import {
  AurochsError,
  type BareJid,
  cryptoRandom,
  domainOf,
  type Fingerprint,
  isAurochsError,
  parseJid,
  type Random,
} from "@aurochs/core"
import { candidateGap } from "../certificates/found.ts"
import { gapOf, type Reduced, splitCertificates } from "../certificates/split.ts"
import type { KeyDirectory } from "../directory.ts"
import { askOpenpgpkey } from "./client.ts"
import { trustedServers } from "./servers.ts"

/** Options of {@link dnsDirectory}. */
export interface DnsOptions {
  /** Resolvers as `ADDRESS` or `ADDRESS:PORT`; the system's by default. */
  readonly servers?: readonly string[] | undefined
  /**
   * Resolvers off this machine are believed when they say that an answer was validated. Only for a path that nobody else
   * can write on.
   */
  readonly trustAd?: boolean | undefined
  /** For one answer, in milliseconds; 5,000 by default. */
  readonly timeoutMs?: number | undefined
  readonly random?: Random | undefined
}

const SOURCE = "dns"
const MAX_RECORDS = 8

/**
 * Certificates from the DNS of the JID's domain (OPENPGPKEY, RFC 7929), which is meant for mail: that a JID is looked up
 * there is a convention of ours. Only what the resolver validated counts (RFC 7929 §5); what is there without is named as
 * a gap, `not-validated`. What was tampered with makes the resolver answer SERVFAIL, which is `NETWORK` (`dns`).
 *
 * They are bound to the domain (`dnssec`), not to the account: a policy takes them only where it is told to (`binding`).
 *
 * @throws {AurochsError} `CONFIGURATION` (`servers`, `trustAd`)
 */
export function dnsDirectory(o: DnsOptions = {}): KeyDirectory {
  const servers = trustedServers(o.servers, o.trustAd ?? false)
  const place = { servers, random: o.random ?? cryptoRandom(), timeoutMs: o.timeoutMs ?? 5_000 }
  return {
    name: SOURCE,
    proves: "dnssec",
    notice:
      "dns: your resolver, the name servers of the contact's domain and whoever watches on the way learn that this contact is looked up.",
    async *lookup({ owner, fingerprint }, options = {}) {
      const answer = await askOpenpgpkey(recordName(owner), { ...place, signal: options.signal })
      if (answer.kind !== "records") return
      const found = readRecords(answer.records.slice(0, MAX_RECORDS), owner)
      const seen = new Set<Fingerprint>()
      for (const one of found) {
        if (seen.has(one.fingerprint) || (fingerprint !== undefined && fingerprint !== one.fingerprint)) continue
        seen.add(one.fingerprint)
        const gap = answer.isValidated ? gapOf(one) : "not-validated"
        if (gap !== undefined) yield candidateGap(one.fingerprint, gap, SOURCE)
        else yield { bytes: one.bytes, source: SOURCE, binds: "dnssec", expiresInMs: answer.ttlMs }
      }
    },
  }
}

/** A record that is no certificate does not stand in the others' way; if none is one, that is an error. */
function readRecords(records: readonly Uint8Array[], owner: BareJid): Reduced[] {
  const all: Reduced[] = []
  let last: unknown
  for (const bytes of records) {
    try {
      all.push(...splitCertificates(bytes, owner))
    } catch (error) {
      if (!isAurochsError(error, "BAD_DATA")) throw error
      last = error
    }
  }
  if (all.length === 0 && last !== undefined) throw last
  return all
}

/**
 * The name under which an address has its record: SHA-256 of the localpart, cut to 28 octets, in hex (RFC 7929 §3).
 *
 * @throws {AurochsError} `BAD_DATA` (`jid`) if its domain is no name
 */
export function recordName(owner: BareJid): string {
  const { local = "" } = parseJid(owner)
  const domain = URL.parse(`https://${domainOf(owner)}/`)?.hostname ?? ""
  if (domain === "" || domain.startsWith("[") || /^[0-9.]+$/.test(domain)) {
    throw new AurochsError("BAD_DATA", "an address without a domain name has no record", { what: "jid" })
  }
  const hash = createHash("sha256").update(local, "utf8").digest("hex").slice(0, 56)
  return `${hash}._openpgpkey.${domain}`
}
