import { resolveSrv } from "node:dns/promises"
import { AurochsError } from "@aurochs/core"

/**
 * Where an account's server listens: the given service, or what DNS says of the domain (RFC 6120 §3.2, XEP-0368:
 * `_xmpps-client` and `_xmpp-client` together by priority), or port 5222 of the domain itself.
 *
 * @throws {AurochsError} `CONFIGURATION` for a service of another kind
 */
export async function servicesOf(domain: string, service: string | undefined): Promise<string[]> {
  if (service !== undefined) {
    if (!/^(?:xmpps?|wss?):\/\//.test(service) || URL.parse(service) === null) {
      const message = "service must be xmpp://HOST:PORT, xmpps://…, ws://… or wss://…"
      throw new AurochsError("CONFIGURATION", message, { field: "service" })
    }
    return [service]
  }
  const host = asciiHost(domain)
  if (/^\[|^[\d.]+$/.test(host)) return [`xmpp://${host}:5222`]
  const [direct, plain] = await Promise.all([
    srv(`_xmpps-client._tcp.${host}`, "xmpps"),
    srv(`_xmpp-client._tcp.${host}`, "xmpp"),
  ])
  const found = [...direct, ...plain]
    .filter(({ name }) => name !== "" && name !== ".")
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    .map(({ scheme, name, port }) => `${scheme}://${name}:${port}`)
  return found.length > 0 ? found.slice(0, 8) : [`xmpp://${host}:5222`]
}

async function srv(name: string, scheme: string) {
  try {
    return (await resolveSrv(name)).map((record) => ({ ...record, scheme }))
  } catch {
    return []
  }
}

/** The domain in the form that DNS and TLS take: A-labels. */
export function asciiHost(domain: string): string {
  return URL.parse(`http://${domain}/`)?.hostname ?? domain
}

/** Does this service stay on this machine? Only there is an unencrypted stream allowed. */
export function isLoopback(service: string): boolean {
  // URL leaves the host of an unknown scheme as it is.
  const host = URL.parse(service.replace(/^[a-z]+:/, "http:"))?.hostname ?? ""
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host)
}
