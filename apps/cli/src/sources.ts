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
import type { OtherSourceName, SourceSettings } from "@aurochs/keys/sources"
import type { Argv } from "yargs"

/** Where certificates can be looked up. */
export const SOURCES: readonly SourceName[] = ["pep", "wkd", "dns", "hkp", "vks"]
export type SourceName = "pep" | OtherSourceName

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
  if (name === "pep") {
    if (o.transport === undefined) throw new UsageError("--via pep needs an account.")
    return pepDirectory({ transport: o.transport, provider: o.provider, clock: o.clock })
  }
  const { allowPrivate, connectTo, dnsServer, keyserver, vksServer, trustAd } = options
  const places = { allowPrivate, connectTo }
  const settings: Readonly<Record<OtherSourceName, SourceSettings>> = {
    wkd: { source: "wkd", ...places },
    dns: { source: "dns", ...places, resolvers: dnsServer, trustAd },
    hkp: { source: "hkp", ...places, server: keyserver, upload: o.upload },
    vks: { source: "vks", ...places, server: vksServer, upload: o.upload },
  }
  if (name === "hkp" && keyserver === undefined) {
    throw new UsageError("--via hkp: say which with --keyserver https://HOST.")
  }
  const { openSource: open } = await import("@aurochs/keys/sources")
  try {
    return await open(settings[name], { clock: o.clock })
  } catch (error) {
    if (isAurochsError(error, "CONFIGURATION")) throw new UsageError(`--via ${name}: ${error.message}.`)
    throw error
  }
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
