import { type BareJid, bareJid, type CallOptions, type Fingerprint, isAurochsError } from "@aurochs/core"
import { foundIn } from "../certificates/found.ts"
import type { Found, KeyDirectory, Missing } from "../directory.ts"
import { type HttpClient, type HttpOptions, httpClient } from "../http/client.ts"
import { type Endpoint, resolver } from "../http/connect.ts"
import { type WkdAddress, wkdAddress } from "./address.ts"
import { readPolicy, type WkdPolicy } from "./policy.ts"

/** Options of {@link wkdDirectory}. */
export interface WkdOptions extends HttpOptions {
  /** Of one answer in bytes; 256 KiB by default. */
  readonly maxBytes?: number | undefined
}

/** A {@link KeyDirectory} that also reads policies. */
export interface WkdDirectory extends KeyDirectory {
  /**
   * The policy file of a domain, from where its keys would be; undefined: there is none, so there is no directory.
   *
   * @throws {AurochsError} as `lookup`
   */
  policy(domain: string, options?: CallOptions): Promise<WkdPolicy | undefined>
}

const SOURCE = "wkd"
const MAX_POLICY_BYTES = 16_384

/**
 * Certificates from the Web Key Directory of the JID's domain (draft-koch-openpgp-webkey-service), which is meant for
 * mail: that a JID is looked up there is a convention of ours. They are bound to the domain's web server (`https-domain`),
 * not to the account: a policy takes them only where it is told to (`binding`).
 *
 * The advanced method is used where the name `openpgpkey.DOMAIN` exists, the direct one only where it does not: a server
 * that is down or a broken certificate is an error, never a reason to ask elsewhere (draft §3.1).
 *
 * A domain whose policy file says `dane-only` has no directory (draft §4.5): nothing is found there. The other flags are
 * for those who send a key to the directory, which nothing here does.
 *
 * @throws {AurochsError} `CONFIGURATION`
 */
export function wkdDirectory(o: WkdOptions = {}): WkdDirectory {
  const wkd: Wkd = {
    http: httpClient(o),
    resolve: resolver(o.resolve),
    maxBytes: o.maxBytes ?? 262_144,
  }
  return {
    name: SOURCE,
    proves: "https-domain",
    notice:
      "wkd: the web server of the contact's domain, and whoever watches your DNS and your connections, learns that somebody at your address looks up this contact.",
    lookup: (query, options) => lookup(wkd, query, options),
    policy: (domain, options) => policyOf(wkd, wkdAddress(bareJid(`policy@${domain}`)), options),
  }
}

interface Wkd {
  readonly http: HttpClient
  readonly resolve: (host: string) => Promise<readonly Endpoint[]>
  readonly maxBytes: number
}

async function* lookup(
  wkd: Wkd,
  { owner, fingerprint }: { readonly owner: BareJid; readonly fingerprint?: Fingerprint | undefined },
  options: CallOptions = {},
): AsyncGenerator<Found | Missing> {
  const place = await placeOf(wkd, wkdAddress(owner))
  const answer = await wkd.http({ url: place.key, maxBytes: wkd.maxBytes }, options)
  if (answer === undefined || (await isDaneOnly(wkd, place, options))) return
  const provenance = { source: SOURCE, binds: "https-domain", expiresInMs: answer.expiresInMs } as const
  yield* foundIn(answer.bytes, owner, provenance, (one) => fingerprint === undefined || one.fingerprint === fingerprint)
}

/**
 * Does the domain say that it runs no Web Key Directory, but puts its keys into the DNS (draft §4.5)? Then what lies
 * where keys would be is not its word. Asked only where something lies there.
 */
async function isDaneOnly(wkd: Wkd, place: WkdAddress["advanced"], options: CallOptions): Promise<boolean> {
  try {
    return (await policyAt(wkd, place, options))?.daneOnly === true
  } catch (error) {
    // Too long for a policy: a page that the server gives for whatever it does not have.
    if (isAurochsError(error, "BAD_DATA")) return false
    throw error
  }
}

async function policyOf(wkd: Wkd, address: WkdAddress, options: CallOptions = {}): Promise<WkdPolicy | undefined> {
  return policyAt(wkd, await placeOf(wkd, address), options)
}

async function policyAt(wkd: Wkd, place: WkdAddress["advanced"], options: CallOptions): Promise<WkdPolicy | undefined> {
  const answer = await wkd.http({ url: place.policy, maxBytes: MAX_POLICY_BYTES }, options)
  return answer && readPolicy(new TextDecoder().decode(answer.bytes))
}

async function placeOf(wkd: Wkd, address: WkdAddress): Promise<WkdAddress["advanced"]> {
  try {
    const found = await wkd.resolve(address.advanced.host)
    return found.length > 0 ? address.advanced : address.direct
  } catch (error) {
    // Not known whether it exists: a proxy may know, and the direct method is for names that do not.
    if (isAurochsError(error, "NETWORK")) return address.advanced
    throw error
  }
}
