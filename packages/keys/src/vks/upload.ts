import { AurochsError, type Fingerprint, fingerprint } from "@aurochs/core"

/** What became of an address on a verifying key server. */
export type VksStatus = "unpublished" | "published" | "revoked" | "pending"

/** The answer to an upload. */
export interface VksUpload {
  readonly fingerprint: Fingerprint
  /** For `requestVerify`; of no use for anything else. */
  readonly token: string
  /** E-mail addresses of the certificate; other User IDs are not looked at by the server. */
  readonly status: Readonly<Record<string, VksStatus>>
}

const STATES: readonly string[] = ["unpublished", "published", "revoked", "pending"]

/**
 * Reads the answer to an upload.
 *
 * @throws {AurochsError} `BAD_DATA` (`payload`) if it is none
 */
export function readUpload(bytes: Uint8Array): VksUpload {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw bad()
  }
  const { key_fpr, token, status } = (value ?? {}) as Record<string, unknown>
  if (typeof key_fpr !== "string" || typeof token !== "string" || typeof status !== "object") throw bad()
  const states = Object.entries(status ?? {}).filter(([, state]) => STATES.includes(state as string))
  return { fingerprint: fingerprint(key_fpr), token, status: Object.fromEntries(states) as VksUpload["status"] }
}

function bad(): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", "not the answer of a verifying key server", { what: "payload" })
}
