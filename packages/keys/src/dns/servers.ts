import { getServers } from "node:dns"
import { isIP } from "node:net"
import { AurochsError } from "@aurochs/core"
import { isLoopback } from "../http/addresses.ts"

/** A resolver. */
export interface DnsServer {
  readonly address: string
  readonly port: number
}

/**
 * The resolvers whose word is taken that an answer was validated: those on this machine, and those that are named as
 * trusted, with a path to them that nobody else can write on (RFC 4035 §4.9.3).
 *
 * @param named `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]:PORT`; the system's by default
 * @throws {AurochsError} `CONFIGURATION` (`servers`, `trustAd`)
 */
export function trustedServers(named: readonly string[] | undefined, trustAd: boolean): DnsServer[] {
  const servers = (named ?? getServers()).map(readServer)
  const [first] = servers.filter(({ address }) => !trustAd && !isLoopback(address))
  if (servers.length === 0) throw bad("servers", "no resolver is known")
  if (first === undefined) return servers
  throw bad(
    "trustAd",
    `an answer of ${first.address} says nothing: name a validating resolver on this machine, or trust this one with trustAd if nobody else can write on the path to it`,
  )
}

function readServer(text: string): DnsServer {
  if (isIP(text) !== 0) return { address: text, port: 53 }
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text) ?? []
  const address = six ?? four ?? ""
  const number = Number(port)
  if (isIP(address) === 0 || !(number > 0 && number < 65_536))
    throw bad("servers", `${text} is no address of a resolver`)
  return { address, port: number }
}

function bad(field: string, message: string): AurochsError<"CONFIGURATION"> {
  return new AurochsError("CONFIGURATION", message, { field })
}
