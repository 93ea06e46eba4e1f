import {
  type AnyAurochsError,
  type BareJid,
  type Fingerprint,
  formatFingerprint,
  isAurochsError,
  type KnownKey,
  type TrustDecision,
} from "@aurochs/core"
import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"
import { type Found, isGone, type Missing, type Refreshed, trustUri } from "@aurochs/keys"
import { print, remark } from "./output.ts"

/** A certificate, as it is shown. */
export interface Shown extends Pick<KnownKey, "binds"> {
  readonly owner: BareJid
  readonly source: string
  readonly info: CertificateInfo
  readonly decision: { readonly use: string; readonly level: string; readonly because: string }
  /** As it is kept here, if it is. */
  readonly key?: KnownKey | undefined
}

/** One certificate that a source has, with what is decided about it; one that cannot be read is told as an error. */
export async function showFound(
  json: boolean,
  owner: BareJid,
  found: Found,
  o: {
    readonly provider: CryptoProvider
    readonly now: Date
    readonly refused: Refreshed["refused"]
    readonly decisions: ReadonlyMap<Fingerprint, { readonly key: KnownKey; readonly decision: TrustDecision }>
    readonly shown: Set<Fingerprint>
  },
): Promise<void> {
  let info: CertificateInfo
  try {
    info = await o.provider.inspect(found.bytes, { now: o.now })
  } catch (error) {
    if (!isAurochsError(error, "BAD_DATA") && !isAurochsError(error, "UNSUPPORTED")) throw error
    showError(json, owner, found.source, error)
    return
  }
  o.shown.add(info.fingerprint)
  const { key, decision } = o.decisions.get(info.fingerprint) ?? {}
  const because = o.refused.find(({ fingerprint }) => fingerprint === info.fingerprint)?.because ?? "no-user-id"
  const refused = { use: "never", level: "quarantined", because }
  showKey(json, { owner, source: found.source, binds: found.binds, info, key, decision: decision ?? refused })
}

/** A certificate with source, binding, User IDs, validity, decision and reason. */
export function showKey(json: boolean, { owner, source, binds, info, key, decision }: Shown): void {
  const { fingerprint, userIds, createdAt, expiresAt, revokedAt, canEncrypt, algorithm } = info
  const ids = userIds.map(({ text, status }) => (status === "valid" ? text : `${text} (${status})`))
  const validity = [
    `made ${createdAt.toISOString()}`,
    expiresAt === undefined ? "does not expire" : `expires ${expiresAt.toISOString()}`,
    ...(revokedAt === undefined ? [] : [`revoked ${revokedAt.toISOString()}`]),
    ...(canEncrypt ? [] : ["cannot be encrypted to"]),
  ]
  const { announced = false, approval = "none", firstSeen } = key ?? {}
  const gone = key !== undefined && isGone(key)
  const about = gone
    ? [`  its certificate is gone from the storage: aurochs contact lookup ${owner} brings it back`]
    : [`  ${ids.length === 0 ? "no User ID" : ids.join(", ")}`, `  ${algorithm}, ${validity.join(", ")}`]
  const lines = [
    `${owner}`,
    `  ${formatFingerprint(fingerprint)}`,
    ...about,
    `  from ${source}, which binds ${BINDS[binds]}; ${announced ? "announced" : "not announced"}${approval === "none" ? "" : `, ${approval}`}`,
    `  ${decision.use}: ${decision.level}, because ${decision.because}`,
  ]
  print(
    json,
    {
      ...{ owner, fingerprint, source, binds, announced, approval, firstSeen, userIds },
      ...{ createdAt, expiresAt, revokedAt, canEncrypt, algorithm, decision, gone },
      uri: trustUri(owner, [fingerprint]),
    },
    lines.join("\n"),
  )
}

const BINDS: Readonly<Record<KnownKey["binds"], string>> = {
  account: "it to the account",
  dnssec: "it to the domain (DNSSEC)",
  "https-domain": "it to the domain's web server",
  nothing: "nothing: a candidate",
}

/** A listed certificate that could not be had. */
export function showGap(json: boolean, owner: BareJid, source: string, { missing, because, candidate }: Missing): void {
  const text = `${source} lists ${missing}, but it could not be had: ${because}`
  if (json) print(json, { owner, source, missing, because, candidate: candidate ?? false }, text)
  else remark(text)
}

/** A source that could not be asked, or what it sent and nobody can read: a line of its own in JSON, else a remark. */
export function showError(
  json: boolean,
  owner: BareJid,
  source: string,
  { code, message, details }: AnyAurochsError,
): void {
  if (json) print(json, { owner, source, error: { code, message, details } }, "")
  else remark(`${source}: ${message}`)
}
