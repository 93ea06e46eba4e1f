import { AurochsError, type BareJid, type CallOptions, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import { armor } from "@aurochs/crypto/armor"
import { candidateGap, checkUpload, foundIn } from "../certificates/found.ts"
import { keyIdOf } from "../certificates/packets.ts"
import type { Found, KeyDirectory, Missing } from "../directory.ts"
import { type HttpClient, type HttpOptions, httpClient, serverUrl } from "../http/client.ts"
import { findUserId, userIdOf } from "../user-id.ts"
import { type IndexEntry, readIndex } from "./index-lines.ts"

/** Options of {@link hkpDirectory}. */
export interface HkpOptions extends HttpOptions {
  /** `https://HOST[:PORT]`; plain `http://` for a loopback address only. */
  readonly server: string
  /** Certificates that are fetched for one owner; 8 by default: anybody may upload one in anybody's name. */
  readonly maxKeys?: number | undefined
  /** Of one answer in bytes; 4 MiB by default. */
  readonly maxBytes?: number | undefined
  /** Adds `publish`. What is uploaded is there for ever, for everybody. */
  readonly upload?: boolean | undefined
}

const SOURCE = "hkp"
const MAX_INDEX_BYTES = 262_144

interface Hkp {
  readonly http: HttpClient
  readonly server: URL
  readonly maxKeys: number
  readonly maxBytes: number
}

/**
 * Certificates from a key server (HKP, draft-ietf-openpgp-hkp). Anybody may have uploaded them: they bind nothing, and
 * are candidates only.
 *
 * A lookup asks for the index of what carries `xmpp:` + owner, then for each certificate by its fingerprint, so that a
 * flooded one does not stand in the others' way.
 *
 * @throws {AurochsError} `CONFIGURATION`
 */
export function hkpDirectory(o: HkpOptions): KeyDirectory {
  const server = serverUrl(o.server)
  const hkp = { http: httpClient(o), server, maxKeys: o.maxKeys ?? 8, maxBytes: o.maxBytes ?? 4 * 1024 * 1024 }
  return {
    name: SOURCE,
    place: server.href,
    notice: `hkp: the key server ${server.host}, and whoever watches it, learns whom you look up and when. Anybody can upload a key in anybody's name: what it has are candidates.${o.upload ? " What is uploaded there cannot be taken back." : ""}`,
    lookup: (query, options) => lookup(hkp, query, options),
    ...(o.upload ? { publish: (certificate, options) => add(hkp, certificate, options) } : {}),
  }
}

async function* lookup(
  hkp: Hkp,
  { owner, fingerprint }: { readonly owner: BareJid; readonly fingerprint?: Fingerprint | undefined },
  options: CallOptions = {},
): AsyncGenerator<Found | Missing> {
  if (fingerprint !== undefined) {
    yield* await get(hkp, owner, { id: fingerprint, fingerprint, userIds: [] }, options)
    return
  }
  const entries = (await index(hkp, userIdOf(owner), options)).filter(({ userIds }) =>
    userIds.some((text) => findUserId({ userIds: [{ text, status: "valid" }] }, owner) !== undefined),
  )
  for (const entry of entries.slice(0, hkp.maxKeys)) {
    try {
      yield* await get(hkp, owner, entry, options)
    } catch (error) {
      // One certificate that is too much, or none at all, says nothing of the others.
      if (!isAurochsError(error, "BAD_DATA") || entry.fingerprint === undefined) throw error
      yield candidateGap(entry.fingerprint, error.details.limit === undefined ? "unreadable" : "too-large", SOURCE)
    }
  }
  for (const { fingerprint: print } of entries.slice(hkp.maxKeys)) {
    if (print !== undefined) yield candidateGap(print, "too-many-listed", SOURCE)
  }
}

async function index(hkp: Hkp, search: string, options: CallOptions): Promise<IndexEntry[]> {
  const url = ask(hkp, { op: "index", options: "mr", fingerprint: "on", exact: "on", search })
  const answer = await hkp.http({ url, maxBytes: MAX_INDEX_BYTES, accept: "text/plain" }, options)
  return answer === undefined ? [] : readIndex(new TextDecoder().decode(answer.bytes))
}

/** One certificate; whatever else the server sends with it is left out. */
async function get(hkp: Hkp, owner: BareJid, entry: IndexEntry, options: CallOptions): Promise<(Found | Missing)[]> {
  const url = ask(hkp, { op: "get", options: "mr", search: `0x${entry.id}` })
  const answer = await hkp.http({ url, maxBytes: hkp.maxBytes, accept: "application/pgp-keys" }, options)
  if (answer === undefined) return []
  const provenance = { source: SOURCE, binds: "nothing", expiresInMs: answer.expiresInMs } as const
  return foundIn(answer.bytes, owner, provenance, (one) =>
    entry.fingerprint === undefined ? keyIdOf(one.fingerprint) === entry.id : one.fingerprint === entry.fingerprint,
  )
}

function ask(hkp: Hkp, parameters: Readonly<Record<string, string>>): URL {
  const url = new URL("pks/lookup", hkp.server)
  url.search = new URLSearchParams(parameters).toString()
  return url
}

/** `/pks/add` (draft-ietf-openpgp-hkp §5): the server merges. */
async function add(hkp: Hkp, certificate: CertificateInfo, options: CallOptions = {}): Promise<void> {
  checkUpload(certificate)
  const body = {
    type: "application/x-www-form-urlencoded",
    text: new URLSearchParams({ keytext: armor("PUBLIC KEY BLOCK", certificate.bytes) }).toString(),
  }
  const url = new URL("pks/add", hkp.server)
  const answer = await hkp.http({ url, maxBytes: MAX_INDEX_BYTES, body }, options)
  if (answer === undefined) throw new AurochsError("HTTP", `${hkp.server.host} takes no keys`, { status: 404 })
}
