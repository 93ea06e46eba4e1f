import { lookup as systemLookup } from "node:dns/promises"
import { AurochsError } from "@aurochs/core"
import { buildConnector } from "undici"
import { type AddressRule, isLoopback, literalAddress } from "./addresses.ts"

/** Where a host is reached. */
export interface Endpoint {
  readonly address: string
  /** Instead of the URL's. */
  readonly port?: number | undefined
}

/**
 * Finds the addresses of a name. Empty: the name does not exist, or has none. Undefined: the machine's resolver is to be
 * asked.
 *
 * @throws {AurochsError} `NETWORK` (`dns`) if that could not be found out
 */
export type ResolveHost = (host: string) => Promise<readonly Endpoint[] | undefined>

/** Finds addresses, with the machine's resolver and its hosts file where `resolve` does not say. */
export function resolver(resolve: ResolveHost | undefined): (host: string) => Promise<readonly Endpoint[]> {
  return async (host) => (await resolve?.(host)) ?? (await systemResolve(host))
}

async function systemResolve(host: string): Promise<readonly Endpoint[]> {
  try {
    return (await systemLookup(host, { all: true })).map(({ address }) => ({ address }))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOTFOUND" || code === "ENODATA") return []
    throw new AurochsError("NETWORK", `the address of ${host} cannot be found out`, { phase: "dns" }, { cause: error })
  }
}

/**
 * Connects to what a name resolves to at this moment, and only where the rule allows: what was checked is what is
 * connected to, so a name whose address changes in between (DNS rebinding) gains nothing (attack A34). Plain HTTP is
 * spoken on the loopback interface only.
 */
export function guardedConnector(o: {
  readonly resolve: (host: string) => Promise<readonly Endpoint[]>
  readonly mayConnect: AddressRule
  readonly timeoutMs: number
  readonly ca?: string | readonly string[] | undefined
}): buildConnector.connector {
  const ca = o.ca === undefined ? {} : { ca: typeof o.ca === "string" ? o.ca : [...o.ca] }
  // Sessions are not resumed: each connection verifies the server's certificate.
  const connect = buildConnector({ timeout: o.timeoutMs, maxCachedSessions: 0, ...ca })
  return (options, callback) => {
    const literal = literalAddress(options.hostname)
    const name = options.hostname
    const attempt = async () => {
      const found = literal === undefined ? await o.resolve(name) : [{ address: literal }]
      if (found.length === 0) throw network("dns", `${name} does not exist`)
      const allowed = found.filter(({ address }) => o.mayConnect(literal ?? name, address))
      const usable = options.protocol === "https:" ? allowed : allowed.filter(({ address }) => isLoopback(address))
      if (usable.length === 0) throw network("connect", `${name} has no address that may be connected to`)
      let last: unknown
      for (const { address, port } of usable) {
        const servername = options.servername ?? (literal === undefined ? name : undefined)
        const target = { ...options, hostname: address, port: String(port ?? options.port) }
        try {
          return await connected(connect, servername === undefined ? target : { ...target, servername })
        } catch (error) {
          last = error
        }
      }
      throw last
    }
    attempt().then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    )
  }
}

type Connected = Parameters<buildConnector.Callback>[1]

function connected(
  connect: buildConnector.connector,
  options: buildConnector.Options,
): Promise<NonNullable<Connected>> {
  return new Promise((resolve, reject) => {
    connect(options, (error, socket) => {
      // The library leaves it out where its types say null.
      if (socket) resolve(socket)
      else reject(error ?? new Error("no connection"))
    })
  })
}

function network(phase: "dns" | "connect", message: string): AurochsError<"NETWORK"> {
  return new AurochsError("NETWORK", message, { phase })
}
