import { isIP } from "node:net"
import { UsageError } from "@aurochs/cli-kit"
import { type Clock, isAurochsError, type Transport } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import {
  type BindingSource,
  binding,
  blindBeforeVerification,
  type KeyDirectory,
  pepDirectory,
  type TrustPolicy,
} from "@aurochs/keys"
import type { Argv } from "yargs"

/** Where certificates can be looked up. */
export const SOURCES = ["pep", "wkd", "dns", "hkp", "vks"] as const
export type SourceName = (typeof SOURCES)[number]

/** Options of commands that ask other sources than the account's own server. */
export interface SourceOptions {
  readonly via: string
  readonly keyserver?: string | undefined
  readonly vksServer?: string | undefined
  readonly dnsServer?: readonly string[] | undefined
  readonly trustAd: boolean
  readonly allowPrivate?: readonly string[] | undefined
  readonly connectTo?: readonly string[] | undefined
}

/** Adds {@link SourceOptions}. */
export function sourceOptions<T>(program: Argv<T>) {
  return program
    .option("via", {
      type: "string",
      default: "pep",
      describe: `Where to ask, in this order: ${SOURCES.join(", ")}. All but pep tell a third party whom you look up`,
    })
    .option("keyserver", { type: "string", describe: "https://HOST of the key server for hkp" })
    .option("vks-server", { type: "string", describe: "https://HOST for vks; by default keys.openpgp.org" })
    .option("dns-server", { type: "string", array: true, describe: "ADDRESS[:PORT] of a validating resolver for dns" })
    .option("trust-ad", { type: "boolean", default: false, describe: "Believe a resolver that is not on this machine" })
    .option("allow-private", {
      type: "string",
      array: true,
      describe: "Private address, network or host to connect to",
    })
    .option("connect-to", { type: "string", array: true, describe: "NAME=ADDRESS[:PORT]: reach this host there" })
}

/**
 * The sources that were asked for, in their order.
 *
 * @throws {UsageError} naming what is not known
 */
export function viaOf(options: Pick<SourceOptions, "via">): SourceName[] {
  const names = options.via.split(",").map((name) => name.trim())
  const isKnown = (name: string): name is SourceName => SOURCES.some((one) => one === name)
  const known = [...new Set(names)].filter(isKnown)
  const unknown = names.find((name) => !isKnown(name))
  if (unknown !== undefined) throw new UsageError(`--via ${unknown} is not known; there is: ${SOURCES.join(", ")}.`)
  return known
}

/**
 * Makes one source.
 *
 * @param o.transport needed for `pep`
 * @param o.upload may one's own certificate be sent there, for ever?
 * @throws {UsageError} an option that it needs or that is wrong
 */
export async function openSource(
  name: SourceName,
  options: SourceOptions,
  o: {
    readonly transport?: Transport | undefined
    readonly provider: CryptoProvider
    readonly clock: Clock
    readonly upload?: boolean | undefined
  },
): Promise<KeyDirectory> {
  const http = { allowPrivate: options.allowPrivate, resolve: resolveWith(options.connectTo ?? []), clock: o.clock }
  try {
    if (name === "wkd") return (await import("@aurochs/keys/wkd")).wkdDirectory(http)
    if (name === "dns")
      return (await import("@aurochs/keys/dns")).dnsDirectory({ servers: options.dnsServer, trustAd: options.trustAd })
    if (name === "vks")
      return (await import("@aurochs/keys/vks")).vksDirectory({ ...http, server: options.vksServer, upload: o.upload })
    if (name === "hkp") {
      if (options.keyserver === undefined) throw new UsageError("--via hkp: say which with --keyserver https://HOST.")
      return (await import("@aurochs/keys/hkp")).hkpDirectory({ ...http, server: options.keyserver, upload: o.upload })
    }
  } catch (error) {
    if (isAurochsError(error, "CONFIGURATION")) throw new UsageError(`--via ${name}: ${error.message}.`)
    throw error
  }
  if (o.transport === undefined) throw new UsageError("--via pep needs an account.")
  return pepDirectory({ transport: o.transport, provider: o.provider, clock: o.clock })
}

/** Hosts that are reached elsewhere; the others as the system says. */
function resolveWith(entries: readonly string[]) {
  if (entries.length === 0) return undefined
  const places = new Map(entries.map(readEntry))
  return async (host: string) => {
    const place = places.get(host)
    return place && [place]
  }
}

function readEntry(entry: string): [string, { address: string; port?: number }] {
  const [, name = "", six, four, port] = /^([^=]+)=(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?$/.exec(entry) ?? []
  const address = six ?? four ?? ""
  if (isIP(address) === 0) throw new UsageError(`--connect-to ${entry}: NAME=ADDRESS[:PORT] is needed.`)
  return [name.toLowerCase(), port === undefined ? { address } : { address, port: Number(port) }]
}

const BINDING: Readonly<Record<string, BindingSource>> = { wkd: "https-domain", dns: "dnssec" }

/**
 * What is decided about a contact's keys, if these sources may bind one.
 *
 * @param bind of `wkd` and `dns`, separated by commas
 * @throws {UsageError} for any other
 */
export function policyOf(bind: string): TrustPolicy {
  const names = bind.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]))
  const sources = names.map((name) => {
    const source = Object.hasOwn(BINDING, name) ? BINDING[name] : undefined
    if (source === undefined) throw new UsageError(`--bind ${name}: only wkd and dns can be let bind a key.`)
    return source
  })
  return binding(blindBeforeVerification(), sources)
}
