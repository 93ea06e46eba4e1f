// draft-koch-openpgp-webkey-service: where a Web Key Directory has a key.
import { createHash } from "node:crypto"
import { AurochsError, type BareJid, domainOf, parseJid } from "@aurochs/core"

const Z_BASE_32 = "ybndrfg8ejkmcpqxot1uwisza345h769"

/** Where the key of an address lies, and the domain's policy. */
export interface WkdAddress {
  /** Domain as A-labels. */
  readonly domain: string
  /** Of the localpart: 32 characters. */
  readonly hash: string
  readonly advanced: { readonly host: string; readonly key: URL; readonly policy: URL }
  readonly direct: { readonly host: string; readonly key: URL; readonly policy: URL }
}

/**
 * The places of an address in the advanced and in the direct method (draft §3.1).
 *
 * @throws {AurochsError} `BAD_DATA` (`jid`) if its domain is no name
 */
export function wkdAddress(owner: BareJid): WkdAddress {
  const { local = "" } = parseJid(owner)
  const domain = URL.parse(`https://${domainOf(owner)}/`)?.hostname ?? ""
  if (domain === "" || domain.startsWith("[") || /^[0-9.]+$/.test(domain)) {
    throw new AurochsError("BAD_DATA", "an address without a domain name has no Web Key Directory", { what: "jid" })
  }
  const hash = localpartHash(local)
  const query = `?l=${encodeURIComponent(local)}`
  const at = (host: string, folder: string) => ({
    host,
    key: new URL(`https://${host}/.well-known/openpgpkey/${folder}hu/${hash}${query}`),
    policy: new URL(`https://${host}/.well-known/openpgpkey/${folder}policy`),
  })
  return { domain, hash, advanced: at(`openpgpkey.${domain}`, `${domain}/`), direct: at(domain, "") }
}

/** z-base-32 of the SHA-1 of the localpart, whose ASCII letters are made small first (draft §3.1, RFC 6189 §5.1.6). */
export function localpartHash(local: string): string {
  const small = local.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const digest = createHash("sha1").update(small, "utf8").digest()
  let text = ""
  for (let bit = 0; bit < 160; bit += 5) {
    const pair = ((digest[bit >> 3] ?? 0) << 8) | (digest[(bit >> 3) + 1] ?? 0)
    text += Z_BASE_32[(pair >> (11 - (bit & 7))) & 31]
  }
  return text
}
