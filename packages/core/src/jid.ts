import type { BareJid, FullJid } from "./brands.ts"
import { AurochsError } from "./errors.ts"
import { opaqueString, usernameCaseMapped } from "./precis.ts"
import { decodePunycode } from "./punycode.ts"

/** The parts of an address (RFC 7622 §3.1), each prepared. */
export interface JidParts {
  readonly local?: string | undefined
  /** Internationalised names as U-labels; IPv6 in brackets. */
  readonly domain: string
  readonly resource?: string | undefined
}

/** RFC 7622 §3.1: 1,023 octets a part. */
const MAX_PART_BYTES = 1023
const utf8 = new TextEncoder()

/** Octets of one label of a domain (RFC 1035 §2.3.4). */
const MAX_LABEL = 63
/**
 * Bare addresses that preparation leaves as they are: lower-case ASCII, single hyphens inside the labels (so no
 * `xn--`), a last label that begins with a letter (so no IPv4 address).
 */
const PLAIN = /^(?:[a-z0-9._-]+@)?(?:[a-z0-9](?:-?[a-z0-9])*\.)*[a-z](?:-?[a-z0-9])*$/

/**
 * Takes an address apart and prepares each part: localpart UsernameCaseMapped (RFC 7622 §3.3), domain in one form
 * (§3.2), resource OpaqueString (§3.4). Two addresses are the same exactly if their prepared parts are.
 *
 * @throws {AurochsError} `BAD_DATA` (`what: "jid"`): empty or overlong part, `a@b@c`, NUL, a character the profile forbids
 */
export function parseJid(text: string): JidParts {
  if (text.length > 3 * MAX_PART_BYTES + 2) throw bad("it is too long")
  const slash = text.indexOf("/")
  const bare = slash === -1 ? text : text.slice(0, slash)
  const at = bare.indexOf("@")
  if (isPlain(bare)) {
    const resource = slash === -1 ? undefined : prepareResource(text.slice(slash + 1))
    return { local: at === -1 ? undefined : bare.slice(0, at), domain: bare.slice(at + 1), resource }
  }
  if (at !== -1 && bare.includes("@", at + 1)) throw bad("it has two @ before the resource")
  return {
    local: at === -1 ? undefined : prepareLocal(bare.slice(0, at)),
    domain: prepareDomain(bare.slice(at + 1)),
    resource: slash === -1 ? undefined : prepareResource(text.slice(slash + 1)),
  }
}

/** Is it a bare address, or a domain, that is prepared already? */
function isPlain(text: string): boolean {
  return text.length <= MAX_LABEL && PLAIN.test(text)
}

/**
 * @param text `local@domain`, unprepared
 * @throws {AurochsError} `BAD_DATA` (`what: "jid"`); also if there is a resource or no localpart
 */
export function bareJid(text: string): BareJid {
  if (isPlain(text) && text.includes("@")) return text as BareJid
  const parts = parseJid(text)
  if (parts.resource !== undefined) throw bad("it has a resource, a bare JID is needed")
  if (parts.local === undefined) throw bad("it has no localpart, local@domain is needed")
  return `${parts.local}@${parts.domain}`
}

/**
 * @param text `local@domain/resource`, unprepared
 * @throws {AurochsError} `BAD_DATA` (`what: "jid"`); also if the localpart or the resource is missing
 */
export function fullJid(text: string): FullJid {
  const parts = parseJid(text)
  if (parts.resource === undefined || parts.local === undefined) throw bad("local@domain/resource is needed")
  return `${parts.local}@${parts.domain}/${parts.resource}`
}

/**
 * The bare JID of an address that may have a resource, prepared.
 *
 * @throws {AurochsError} `BAD_DATA` (`what: "jid"`)
 */
export function toBareJid(text: string): BareJid {
  if (isPlain(text) && text.includes("@")) return text as BareJid
  const parts = parseJid(text)
  if (parts.local === undefined) throw bad("it has no localpart, local@domain is needed")
  return `${parts.local}@${parts.domain}`
}

/** The same bare JID (RFC 7622 §3.5)? Resources are not looked at; text that is no address equals nothing. */
export function sameBareJid(a: string, b: string): boolean {
  const left = preparedBare(a)
  return left !== undefined && (a === b || left === preparedBare(b))
}

/** The domain of an address. */
export function domainOf(jid: BareJid | FullJid): string {
  return parseJid(jid).domain
}

function preparedBare(text: string): string | undefined {
  if (isPlain(text)) return text
  try {
    const { local, domain } = parseJid(text)
    return local === undefined ? domain : `${local}@${domain}`
  } catch {
    return undefined
  }
}

/** What most addresses consist of is its own prepared form; the tables need not be asked. */
const PLAIN_LOCAL = /^[a-z0-9._-]{1,1000}$/
const PLAIN_RESOURCE = /^[!-~]{1,1000}$/
/** Labels of lower-case ASCII, none of them an A-label; the last begins with a letter, so that it is no number. */
const PLAIN_DOMAIN =
  /^(?=.{1,253}$)(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!xn--)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/

function prepareLocal(text: string): string {
  if (PLAIN_LOCAL.test(text)) return text
  const prepared = usernameCaseMapped(text)
  // RFC 7622 §3.3.1: these are allowed by the profile, but not in a localpart.
  if (prepared === undefined || /["&'/:<>@]/.test(prepared))
    throw bad("its localpart is empty or has a forbidden character")
  return bounded(prepared)
}

function prepareResource(text: string): string {
  if (PLAIN_RESOURCE.test(text)) return text
  const prepared = opaqueString(text)
  if (prepared === undefined) throw bad("its resource is empty or has a forbidden character")
  return bounded(prepared)
}

function prepareDomain(text: string): string {
  if (PLAIN_DOMAIN.test(text)) return text
  const name = text.replace(/[\u3002\uff0e\uff61]/g, ".").replace(/\.$/, "")
  if (/^\[[0-9a-fA-F:.]+\]$/.test(name)) return bounded(asUrlHost(name))
  // The URL parser would read these as something other than part of a name.
  if (name === "" || /[\0-\x20\x7f"#%&'/:;<>?@[\\\]^`{|}\u00a0]/.test(name))
    throw bad("its domain is empty or malformed")
  // "1234" or "0x7f.1" would become an IPv4 address.
  const last = name.slice(name.lastIndexOf(".") + 1)
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/i.test(last) && !/^(?:(?:0|[1-9][0-9]{0,2})(?:\.(?=.)|$)){4}$/.test(name)) {
    throw bad("its domain is empty or malformed")
  }
  const host = asUrlHost(name)
  // URL parsers differ in the rest of ASCII (some escape "*"), and no host has it in its name.
  if (!/^[a-z0-9._-]+$/.test(host)) throw bad("its domain is empty or malformed")
  if (host.split(".").some((label) => label === "" || label.length > MAX_LABEL))
    throw bad("its domain is empty or malformed")
  return bounded(host.split(".").map(toUnicodeLabel).join("."))
}

/** UTS #46 mapping and validity by the platform's URL parser; gives A-labels. */
function asUrlHost(name: string): string {
  const url = URL.parse(`http://${name}/`)
  if (url === null || url.hostname === "" || url.pathname !== "/") throw bad("its domain is empty or malformed")
  return url.hostname
}

/** Only an A-label that its U-label maps to: the URL parser lets `xn--` and `xn--a` pass. */
function toUnicodeLabel(label: string): string {
  if (!label.startsWith("xn--")) return label
  const decoded = decodePunycode(label.slice(4))
  if (!decoded || asUrlHost(decoded) !== label) throw bad("its domain is empty or malformed")
  return decoded
}

function bounded(part: string): string {
  if (utf8.encode(part).length > MAX_PART_BYTES) throw bad("a part of it is longer than 1,023 bytes")
  return part
}

function bad(why: string): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `not a JID: ${why}`, { what: "jid" })
}
