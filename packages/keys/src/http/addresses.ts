import { BlockList, isIP, isIPv4 } from "node:net"
import { AurochsError } from "@aurochs/core"

/** Addresses that are not reachable from everywhere (RFC 6890 and the registries behind it). */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]
/** Within 2000::/3, the only global unicast space there is: Teredo and others, documentation, 6to4. */
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]

/** Says whether a host may be connected to at an address. */
export type AddressRule = (host: string, address: string) => boolean

/**
 * Public addresses are allowed; private, loopback, link-local, shared, unique-local, multicast and reserved ones only
 * if they are named (attack A34). An IPv4 address inside an IPv6 one (mapped, NAT64) is judged as that address.
 *
 * @param allowPrivate addresses, networks (`10.0.0.0/8`), or host names that may have any address
 * @throws {AurochsError} `CONFIGURATION` (`allowPrivate`)
 */
export function addressRule(allowPrivate: readonly string[] = []): AddressRule {
  const special = new BlockList()
  for (const [net, prefix] of SPECIAL_V4) special.addSubnet(net, prefix, "ipv4")
  for (const [net, prefix] of SPECIAL_V6) special.addSubnet(net, prefix, "ipv6")
  const global = new BlockList()
  global.addSubnet("2000::", 3, "ipv6")
  const allowed = new BlockList()
  const names = new Set<string>()
  for (const entry of allowPrivate) {
    if (!addNetwork(allowed, entry)) names.add(hostName(entry))
  }
  return (host, address) => {
    const plain = embeddedIpv4(address) ?? address
    const kind = isIP(plain)
    if (kind === 0) return false
    const isPublic =
      kind === 4 ? !special.check(plain, "ipv4") : global.check(plain, "ipv6") && !special.check(plain, "ipv6")
    return isPublic || names.has(host.toLowerCase()) || allowed.check(plain, kind === 4 ? "ipv4" : "ipv6")
  }
}

/** Is it an address of this machine alone? */
export function isLoopback(address: string): boolean {
  const plain = embeddedIpv4(address) ?? address
  return isIPv4(plain) ? plain.startsWith("127.") : words(plain)?.join(":") === "0:0:0:0:0:0:0:1"
}

/** The address in a URL's host name, without brackets; undefined if it is a name. */
export function literalAddress(host: string): string | undefined {
  const bare = host.startsWith("[") ? host.slice(1, -1) : host
  return isIP(bare) === 0 ? undefined : bare
}

function addNetwork(list: BlockList, entry: string): boolean {
  const [net = "", prefix, ...rest] = entry.split("/")
  const kind = isIP(net)
  if (kind === 0 || rest.length > 0) return false
  const bits = prefix === undefined ? (kind === 4 ? 32 : 128) : /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : -1
  if (bits < 0 || bits > (kind === 4 ? 32 : 128)) throw badEntry(entry)
  list.addSubnet(net, bits, kind === 4 ? "ipv4" : "ipv6")
  return true
}

function hostName(entry: string): string {
  const url = /[/@?#:\s]/.test(entry) ? null : URL.parse(`http://${entry}/`)
  if (url === null || url.hostname === "") throw badEntry(entry)
  return url.hostname
}

function badEntry(entry: string): AurochsError<"CONFIGURATION"> {
  const message = `allowPrivate: ${entry} is neither an address, nor a network, nor a host name`
  return new AurochsError("CONFIGURATION", message, { field: "allowPrivate" })
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2) and 64:ff9b::/96 (RFC 6052 §2.1). */
function embeddedIpv4(address: string): string | undefined {
  const groups = words(address)
  if (groups === undefined) return undefined
  const [a, b, c, d, e, f, high = 0, low = 0] = groups
  const isMapped = a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff
  const isNat64 = a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0
  if (!isMapped && !isNat64) return undefined
  return [high >> 8, high & 255, low >> 8, low & 255].join(".")
}

/** The eight groups of an IPv6 address; undefined for anything else, zones included. */
function words(address: string): number[] | undefined {
  if (isIP(address) !== 6 || address.includes("%")) return undefined
  const host = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1)
  if (host === undefined) return undefined
  const [left = "", right] = host.split("::")
  const part = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)))
  const [head, tail] = [part(left), right === undefined ? [] : part(right)]
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}
