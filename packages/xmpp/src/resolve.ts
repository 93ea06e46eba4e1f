// RFC 6120 §3.2, XEP-0368 v1.1.0 (direct TLS).
import { resolveSrv } from "node:dns/promises"
import { AurochsError } from "@aurochs/core"

/** One place where the server may be reached. */
export type Service =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly directTls: boolean }
  | { readonly kind: "websocket"; readonly url: string; readonly secure: boolean; readonly loopback: boolean }

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "xmpp:": 5222, "xmpps:": 5223 }
const MAX_SERVICES = 8

/**
 * Reads a `service` option.
 *
 * @throws {AurochsError} `CONFIGURATION`
 */
export function parseService(text: string): Service {
  const url = URL.parse(text)
  const protocol = url?.protocol ?? ""
  // URL leaves the host of a scheme it does not know as it is; as http it prepares it.
  const host = URL.parse(text.replace(/^[a-z]+:/i, "http:"))?.hostname ?? ""
  if (url === null || host === "" || url.username !== "" || !/^(?:xmpps?|wss?):$/.test(protocol)) {
    const message = "service must be xmpp://HOST:PORT, xmpps://HOST:PORT, ws://… or wss://…"
    throw new AurochsError("CONFIGURATION", message, { field: "service" })
  }
  if (protocol === "ws:" || protocol === "wss:") {
    return { kind: "websocket", url: url.href, secure: protocol === "wss:", loopback: isLoopbackName(host) }
  }
  const port = url.port === "" ? (DEFAULT_PORTS[protocol] ?? 5222) : Number(url.port)
  return { kind: "tcp", host: host.replace(/^\[|\]$/g, ""), port, directTls: protocol === "xmpps:" }
}

/**
 * Where an account's server listens: the given service; or what DNS says of the domain, `_xmpps-client` and
 * `_xmpp-client` together by priority; or port 5222 of the domain itself.
 *
 * @throws {AurochsError} `CONFIGURATION`
 */
export async function servicesOf(domain: string, service: string | undefined): Promise<Service[]> {
  if (service !== undefined) return [parseService(service)]
  const host = asciiHost(domain)
  const itself: Service = { kind: "tcp", host, port: 5222, directTls: false }
  if (host.includes(":") || /^[\d.]+$/.test(host)) return [itself]
  const [direct, plain] = await Promise.all([
    srv(`_xmpps-client._tcp.${host}`, true),
    srv(`_xmpp-client._tcp.${host}`, false),
  ])
  const found = [...direct, ...plain]
    .filter(({ name }) => name !== "" && name !== ".")
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    .map(({ directTls, name, port }): Service => ({ kind: "tcp", host: name, port, directTls }))
  return found.length > 0 ? found.slice(0, MAX_SERVICES) : [itself]
}

/** No record and no answer are the same here: then the domain itself is tried. */
async function srv(name: string, directTls: boolean) {
  const records = await resolveSrv(name).catch(() => [])
  return records.map((record) => ({ ...record, directTls }))
}

/** The domain in the form that DNS and TLS take: A-labels, IPv6 without brackets. */
export function asciiHost(domain: string): string {
  return (URL.parse(`http://${domain}/`)?.hostname ?? domain).replace(/^\[|\]$/g, "")
}

function isLoopbackName(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host)
}
