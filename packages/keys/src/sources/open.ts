import { isIP } from "node:net"
import { AurochsError, type Clock } from "@aurochs/core"
import type { KeyDirectory } from "../directory.ts"

/** Sources besides the accounts' own lists. */
export const otherSources = ["wkd", "dns", "hkp", "vks"] as const
export type OtherSourceName = (typeof otherSources)[number]

/** One source as a person configures it: plain data. */
export interface SourceSettings {
  readonly source: OtherSourceName
  /** `https://HOST` of the key server; needed for `hkp`, keys.openpgp.org by default for `vks`. */
  readonly server?: string | undefined
  /** `dns`: validating resolvers as `ADDRESS` or `ADDRESS:PORT`; the system's by default. */
  readonly resolvers?: readonly string[] | undefined
  /** `dns`: believe a resolver that is not on this machine. */
  readonly trustAd?: boolean | undefined
  /** `hkp`, `vks`: may one's own certificate be sent there? For ever. False by default. */
  readonly upload?: boolean | undefined
  /** Private addresses, networks or hosts that may be connected to. */
  readonly allowPrivate?: readonly string[] | undefined
  /** `NAME=ADDRESS[:PORT]`: hosts that are reached elsewhere than their name says. */
  readonly connectTo?: readonly string[] | undefined
}

/**
 * Makes a source of its settings. What it tells to whom is in its `notice`: show it to whoever switches it on.
 *
 * @throws {AurochsError} `CONFIGURATION` naming the setting that is missing, wrong, or of no use to this source
 */
export async function openSource(
  settings: SourceSettings,
  o: { readonly clock?: Clock | undefined } = {},
): Promise<KeyDirectory> {
  const { source, server, resolvers, trustAd, upload, allowPrivate } = settings
  refuseUseless(settings)
  const http = { allowPrivate, resolve: resolveWith(settings.connectTo ?? []), clock: o.clock }
  switch (source) {
    case "wkd":
      return (await import("../wkd/directory.ts")).wkdDirectory(http)
    case "dns":
      return (await import("../dns/directory.ts")).dnsDirectory({ servers: resolvers, trustAd: trustAd ?? false })
    case "vks":
      return (await import("../vks/directory.ts")).vksDirectory({ ...http, server, upload })
    case "hkp":
      if (server === undefined) throw bad("server", "it has to be said which key server: https://HOST")
      return (await import("../hkp/directory.ts")).hkpDirectory({ ...http, server, upload })
  }
}

/** Settings that only some sources know. */
const ONLY: Readonly<Partial<Record<keyof SourceSettings, readonly OtherSourceName[]>>> = {
  server: ["hkp", "vks"],
  upload: ["hkp", "vks"],
  resolvers: ["dns"],
  trustAd: ["dns"],
}

/** Whoever sets something expects it to have an effect. */
function refuseUseless(settings: SourceSettings): void {
  for (const [field, sources] of Object.entries(ONLY)) {
    const value = settings[field as keyof SourceSettings]
    if (value === undefined || value === false || sources.includes(settings.source)) continue
    throw bad(field, `${field} is of no use to ${settings.source}`)
  }
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
  if (isIP(address) === 0) throw bad("connectTo", `${entry}: NAME=ADDRESS[:PORT] is needed`)
  return [name.toLowerCase(), port === undefined ? { address } : { address, port: Number(port) }]
}

function bad(field: string, message: string): AurochsError<"CONFIGURATION"> {
  return new AurochsError("CONFIGURATION", message, { field })
}
