/** What a domain says of its Web Key Directory (draft-koch-openpgp-webkey-service §4.5). */
export interface WkdPolicy {
  /** Only the address itself may stand in a User ID of a key that is sent there. */
  readonly mailboxOnly: boolean
  /** A key that is sent over an authenticated connection is published without a question. */
  readonly authSubmit: boolean
  /** There is no Web Key Directory: the keys are in the DNS. The one flag that is of use when looking up. */
  readonly daneOnly: boolean
  readonly protocolVersion?: number | undefined
  readonly submissionAddress?: string | undefined
}

/** Reads the policy file; lines that are not known are left out. */
export function readPolicy(text: string): WkdPolicy {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const value = (name: string) =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
  const version = value("protocol-version")
  return {
    mailboxOnly: lines.includes("mailbox-only"),
    authSubmit: lines.includes("auth-submit"),
    daneOnly: lines.includes("dane-only"),
    protocolVersion: version !== undefined && /^[0-9]{1,4}$/.test(version) ? Number(version) : undefined,
    submissionAddress: value("submission-address"),
  }
}
