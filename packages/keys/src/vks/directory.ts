import { AurochsError, type BareJid, type CallOptions, type Certificate, type Fingerprint } from "@aurochs/core"
import { armor } from "@aurochs/crypto/armor"
import { checkUpload, foundIn } from "../certificates/found.ts"
import { keyIdOf } from "../certificates/packets.ts"
import type { Reduced } from "../certificates/split.ts"
import type { Found, KeyDirectory, Missing } from "../directory.ts"
import { type HttpClient, type HttpOptions, httpClient, serverUrl } from "../http/client.ts"
import { readUpload, type VksUpload } from "./upload.ts"

/** Options of {@link vksDirectory}. */
export interface VksOptions extends HttpOptions {
  /** `https://HOST[:PORT]`; `https://keys.openpgp.org` by default. Plain `http://` for a loopback address only. */
  readonly server?: string | undefined
  /** Of one answer in bytes; 1 MiB by default. */
  readonly maxBytes?: number | undefined
  /** Adds `publish`, and lets `upload` be called. What is uploaded cannot be taken back. */
  readonly upload?: boolean | undefined
}

/** A {@link KeyDirectory} with what a verifying key server has besides. */
export interface VksDirectory extends KeyDirectory {
  /**
   * Certificates by the key ID of the primary key or of a subkey, as the maker of a signature is named.
   *
   * @param keyId 16 hex digits
   * @throws {AurochsError} as `lookup`; `BAD_DATA` (`fingerprint`)
   */
  byKeyId(keyId: string, owner: BareJid, options?: CallOptions): AsyncIterable<Found | Missing>
  /**
   * Uploads a certificate. Its keys are published at once, its e-mail addresses only after {@link requestVerify} and the
   * owner's click; other User IDs, `xmpp:` among them, never are.
   *
   * @throws {AurochsError} `CONFIGURATION` (`upload`) if it was not switched on, `BAD_DATA`, `HTTP`, `NETWORK`, `ABORTED`
   */
  upload(certificate: Certificate, options?: CallOptions): Promise<VksUpload>
  /**
   * Has the server write to these addresses of an uploaded certificate.
   *
   * @throws {AurochsError} as `upload`
   */
  requestVerify(token: string, addresses: readonly string[], options?: CallOptions): Promise<VksUpload>
}

const SOURCE = "vks"
const MAX_JSON_BYTES = 65_536

/**
 * Certificates from a verifying key server (the VKS interface of keys.openpgp.org). It gives out no `xmpp:` User ID, so
 * what it has never becomes a contact's key by itself; it refreshes a certificate that is already bound: revocation,
 * expiry, subkeys.
 *
 * A lookup with a fingerprint asks by fingerprint, one without asks for the JID as an e-mail address.
 *
 * @throws {AurochsError} `CONFIGURATION`
 */
export function vksDirectory(o: VksOptions = {}): VksDirectory {
  const server = serverUrl(o.server ?? "https://keys.openpgp.org")
  const vks: Vks = { http: httpClient(o), server, maxBytes: o.maxBytes ?? 1_048_576 }
  const upload = async (certificate: Certificate, options?: CallOptions) => {
    if (o.upload !== true) throw notSwitchedOn()
    checkUpload(certificate)
    return post(vks, "vks/v1/upload", { keytext: armor("PUBLIC KEY BLOCK", certificate.bytes) }, options)
  }
  return {
    name: SOURCE,
    place: server.href,
    notice: `vks: the key server ${server.host} learns whom you look up and when. It gives out no xmpp: User ID, so it can refresh a key that is known, never introduce one.${o.upload ? " What is uploaded there cannot be taken back." : ""}`,
    lookup: (query, options) => lookup(vks, query, options),
    byKeyId: (keyId, owner, options) => byKeyId(vks, keyId, owner, options),
    upload,
    async requestVerify(token, addresses, options) {
      if (o.upload !== true) throw notSwitchedOn()
      return post(vks, "vks/v1/request-verify", { token, addresses }, options)
    },
    ...(o.upload
      ? {
          async publish(certificate, options) {
            await upload(certificate, options)
          },
        }
      : {}),
  }
}

interface Vks {
  readonly http: HttpClient
  readonly server: URL
  readonly maxBytes: number
}

async function* lookup(
  vks: Vks,
  { owner, fingerprint }: { readonly owner: BareJid; readonly fingerprint?: Fingerprint | undefined },
  options: CallOptions = {},
): AsyncGenerator<Found | Missing> {
  const path = fingerprint === undefined ? `by-email/${encodeURIComponent(owner)}` : `by-fingerprint/${fingerprint}`
  const isWanted = (one: Reduced) => fingerprint === undefined || one.fingerprint === fingerprint
  yield* await get(vks, path, owner, isWanted, options)
}

async function* byKeyId(
  vks: Vks,
  keyId: string,
  owner: BareJid,
  options: CallOptions = {},
): AsyncGenerator<Found | Missing> {
  if (!/^[0-9A-Fa-f]{16}$/.test(keyId)) {
    throw new AurochsError("BAD_DATA", "not a key ID: 16 hex digits are needed", { what: "fingerprint" })
  }
  const wanted = keyId.toUpperCase()
  const isWanted = (one: Reduced) => [one.fingerprint, ...one.subkeys].some((print) => keyIdOf(print) === wanted)
  yield* await get(vks, `by-keyid/${wanted}`, owner, isWanted, options)
}

async function get(
  vks: Vks,
  path: string,
  owner: BareJid,
  isWanted: (one: Reduced) => boolean,
  options: CallOptions,
): Promise<(Found | Missing)[]> {
  const url = new URL(`vks/v1/${path}`, vks.server)
  const answer = await vks.http({ url, maxBytes: vks.maxBytes, accept: "application/pgp-keys" }, options)
  if (answer === undefined) return []
  const provenance = { source: SOURCE, binds: "nothing", expiresInMs: answer.expiresInMs } as const
  return foundIn(answer.bytes, owner, provenance, isWanted)
}

async function post(vks: Vks, path: string, question: object, options: CallOptions = {}): Promise<VksUpload> {
  const url = new URL(path, vks.server)
  const body = { type: "application/json", text: JSON.stringify(question) }
  const answer = await vks.http({ url, maxBytes: MAX_JSON_BYTES, accept: "application/json", body }, options)
  if (answer === undefined) throw new AurochsError("HTTP", `${vks.server.host} takes no keys`, { status: 404 })
  return readUpload(answer.bytes)
}

function notSwitchedOn(): AurochsError<"CONFIGURATION"> {
  const message = "uploads to a key server cannot be taken back: they have to be switched on with upload: true"
  return new AurochsError("CONFIGURATION", message, { field: "upload" })
}
