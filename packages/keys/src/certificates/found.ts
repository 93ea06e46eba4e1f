import { AurochsError, type BareJid, type Certificate, type Fingerprint, type KnownKey } from "@aurochs/core"
import { dearmor } from "@aurochs/crypto/armor"
import { readPackets, tag } from "@aurochs/crypto/packets"
import type { Found, Missing } from "../directory.ts"
import { fingerprintOf } from "./packets.ts"
import { gapOf, type Reduced, splitCertificates } from "./split.ts"

/** How a source speaks of what it has. */
export interface Provenance {
  readonly source: string
  readonly binds: KnownKey["binds"]
  readonly expiresInMs?: number | undefined
}

/**
 * The certificates in an answer, taken apart and reduced.
 *
 * @param want which of them: a source may send others than those it was asked for
 * @throws {AurochsError} `BAD_DATA` (`certificate`)
 */
export function foundIn(
  bytes: Uint8Array,
  owner: BareJid,
  provenance: Provenance,
  want: (one: Reduced) => boolean,
): (Found | Missing)[] {
  const seen = new Set<Fingerprint>()
  return splitCertificates(unpacked(bytes), owner).flatMap((one): (Found | Missing)[] => {
    if (!want(one) || seen.has(one.fingerprint)) return []
    seen.add(one.fingerprint)
    const gap = gapOf(one)
    if (gap !== undefined) return [candidateGap(one.fingerprint, gap, provenance.source)]
    return [{ bytes: one.bytes, ...provenance }]
  })
}

/** @throws {AurochsError} `BAD_DATA` (`certificate`) if it is neither packets nor armored ones */
function unpacked(bytes: Uint8Array): Uint8Array {
  const packets = dearmor(bytes, "PUBLIC KEY BLOCK")
  if (typeof packets !== "string") return packets
  const why = packets === "none" ? "neither OpenPGP packets nor an armored key" : "malformed armor"
  throw new AurochsError("BAD_DATA", `not a certificate: ${why}`, { what: "certificate" })
}

/** A gap of a source that does not speak for the account. */
export function candidateGap(missing: Fingerprint, because: string, source: string): Missing {
  return { missing, because, source, candidate: true }
}

/** Packets of a certificate that is uploaded, at most. */
const MAX_OWN_PACKETS = 1_024

/**
 * What is uploaded stays for ever: it has to be exactly the certificate that was meant, and no secret key.
 *
 * @throws {AurochsError} `BAD_DATA` (`certificate`)
 */
export function checkUpload({ fingerprint, bytes }: Certificate): void {
  const packets = readPackets(bytes, { maxPackets: MAX_OWN_PACKETS, lengths: "definite" })
  const [first, ...others] = typeof packets === "string" ? [] : packets
  const isKey = first?.tag === tag.publicKey && fingerprintOf(first.body) === fingerprint
  const strange: readonly number[] = [tag.publicKey, tag.secretKey, tag.secretSubkey]
  if (isKey && !others.some((packet) => strange.includes(packet.tag))) return
  throw new AurochsError("BAD_DATA", "the bytes are not this certificate's", { what: "certificate" })
}
