import { type AurochsError, type BareJid, isAurochsError, sameBareJid, type TrustDecision } from "@aurochs/core"
import type { Opened } from "@aurochs/crypto"
import { type ContentElement, namespaces } from "@aurochs/xml"
import type { Envelope } from "./envelope.ts"
import type { Check, Rejected, Unverified } from "./incoming.ts"
import { isPlausibleTime } from "./time-window.ts"

/** Why a message is not secure. */
export type Finding =
  | Pick<Rejected, "kind" | "check" | "error">
  | Pick<Unverified, "kind" | "reason" | "issuer" | "unverifiedBody">

/** One row of the decision table: where `when` holds, the message ends with `finding`. */
interface Row<Facts> {
  /** The requirement, as text for people. */
  readonly rule: string
  readonly when: (facts: Facts) => boolean
  readonly finding: Finding | ((facts: Facts) => Finding)
}

/** Decrypted; nothing was read of the text yet. */
export interface OpenedFacts {
  readonly opened: Opened
  /** Is this certificate one of the sender's? */
  readonly isSenders: (fingerprint: string) => boolean
  /** The engine cannot tell a forgery from an unknown key, and keys of the sender are known. */
  readonly hasToVouch: boolean
}

/** The content element was read. `signers` are those whose signature is valid, all of them the sender's. */
export interface ContentFacts extends OpenedFacts {
  readonly content: ContentElement
  readonly signers: readonly { readonly hasUserId: boolean; readonly decision: TrustDecision }[]
  /** The recipient: our account, or the peer of what another client of ours sent. */
  readonly recipient: BareJid
  /** The `to` of the stanza. */
  readonly outerTo: string
  readonly now: Date
  readonly stampedAt: Date | undefined
}

/** Rows 1 to 4, on the stanza. */
export const envelopeRows: readonly Row<Envelope>[] = [
  {
    rule: "Neither XEP defines OX in a group chat",
    when: ({ stanza }) => stanza.attributes.type === "groupchat",
    finding: reject("unsupported"),
  },
  {
    rule: "Another encryption's fallback body is no message (XEP-0380)",
    when: ({ openpgp, otherEncryption }) => openpgp.length === 0 && otherEncryption !== undefined,
    finding: reject("unsupported"),
  },
  {
    rule: "A8: at most one <openpgp/>",
    when: ({ openpgp }) => openpgp.length > 1,
    finding: reject("syntax"),
  },
  {
    rule: "What says that it is encrypted with OX has an <openpgp/> (XEP-0380)",
    when: ({ openpgp, hasEme }) => openpgp.length === 0 && hasEme,
    finding: reject("syntax"),
  },
]

/** Rows 5 to 10, on what the engine said. */
export const openedRows: readonly Row<OpenedFacts>[] = [
  { rule: "R3, I10: encrypted", when: ({ opened }) => !opened.encrypted, finding: reject("unsupported") },
  { rule: "R3, A3, A7: signed", when: ({ opened }) => opened.signatures.length === 0, finding: reject("signature") },
  {
    rule: "R15: no signature is invalid",
    when: ({ opened }) => opened.signatures.some(({ kind }) => kind === "invalid"),
    finding: reject("signature"),
  },
  {
    rule: "R15, A25: an engine that cannot tell a forgery from an unknown key has to vouch, if keys of the sender are known",
    when: ({ opened, hasToVouch }) => hasToVouch && opened.signatures.some(isUndetermined),
    finding: reject("signature"),
  },
  {
    // Whoever could read it can leave out one of two keys' signatures: it would be another message (replay.ts).
    rule: "A2, A26: of several signatures each is valid, and of the same key of the sender",
    when: ({ opened, isSenders }) => opened.signatures.length > 1 && !isOfOneKey(opened.signatures, isSenders),
    finding: reject("signature"),
  },
  {
    rule: "R16: the signing key is the sender's",
    when: ({ opened, isSenders }) =>
      opened.signatures.some(
        (verdict) => "certificate" in verdict && verdict.certificate !== undefined && !isSenders(verdict.certificate),
      ),
    finding: reject("signer"),
  },
  {
    rule: "A22: neither the signature nor its key is dated in the future",
    when: ({ opened }) =>
      opened.signatures.some((verdict) => "because" in verdict && verdict.because === "not-yet-valid"),
    finding: reject("time"),
  },
]

/** Rows 11 to 17, on the content element. */
export const contentRows: readonly Row<ContentFacts>[] = [
  {
    rule: "R5, R6, I10: exactly <signcrypt/>",
    when: ({ content }) => content.kind !== "signcrypt",
    finding: reject("unsupported"),
  },
  {
    rule: "A8: no content element inside another",
    when: ({ content }) => content.payload.some(isContentElement) || content.unknown.some(isContentElement),
    finding: reject("syntax"),
  },
  {
    rule: "R17: the key has the User ID xmpp:<sender>",
    when: ({ signers }) => !signers.every(({ hasUserId }) => hasUserId),
    finding: reject("user-id"),
  },
  {
    rule: "R19: one <to/> is the stanza's recipient, which is us, or the peer of what we sent",
    when: ({ content, recipient, outerTo }) =>
      !sameBareJid(outerTo, recipient) || !content.to.some((jid) => sameBareJid(jid, recipient)),
    finding: reject("recipient"),
  },
  {
    rule: "R20: the time is plausible",
    when: ({ content, now, stampedAt }) => !isPlausibleTime(content.time, now, stampedAt),
    finding: reject("time"),
  },
  {
    rule: "R15: a signature counts only if it is known to be valid",
    when: ({ opened }) => opened.signatures.some(({ kind }) => kind !== "valid"),
    finding: ({ opened }) => unverifiedBecauseOf(opened),
  },
  {
    rule: "The trust policy lets the key verify",
    when: ({ signers }) => signers.length === 0 || signers.some(({ decision }) => decision.use === "never"),
    finding: ({ opened }) => ({ kind: "unverified", reason: "untrusted-key", issuer: certificateIn(opened) }),
  },
]

/** The first row that holds, as its finding; undefined if none does. */
export function firstFinding<Facts>(rows: readonly Row<Facts>[], facts: Facts): Finding | undefined {
  for (const { when, finding } of rows) {
    if (when(facts)) return typeof finding === "function" ? finding(facts) : finding
  }
  return undefined
}

/**
 * The finding that an error of reading means. What is no statement about the message is thrown again.
 *
 * @throws whatever it was given, if it is none of `BAD_DATA` (`message`, `xml`), `CANNOT_DECRYPT` and `UNSUPPORTED`
 */
export function findingOf(error: unknown): Finding {
  if (isAurochsError(error, "BAD_DATA") && (error.details.what === "message" || error.details.what === "xml")) {
    return reject(error.details.limit === undefined ? "syntax" : "limit", error)
  }
  if (isAurochsError(error, "CANNOT_DECRYPT")) return reject("decrypt", error)
  if (isAurochsError(error, "UNSUPPORTED")) return reject("unsupported", error)
  throw error
}

/** A failed check. */
export function reject(check: Check, error?: AurochsError): Finding {
  return { kind: "rejected", check, error }
}

function isContentElement({ name, namespace }: { readonly name: string; readonly namespace: string }): boolean {
  return namespace === namespaces.openpgp && (name === "signcrypt" || name === "sign" || name === "crypt")
}

function isOfOneKey(signatures: Opened["signatures"], isSenders: OpenedFacts["isSenders"]): boolean {
  const keys = signatures.map((verdict) => (verdict.kind === "valid" ? verdict.certificate : undefined))
  const [one] = keys
  return one !== undefined && isSenders(one) && keys.every((key) => key === one)
}

function isUndetermined(verdict: Opened["signatures"][number]): boolean {
  return verdict.kind === "unverified" && verdict.reason === "undetermined"
}

function unverifiedBecauseOf(opened: Opened): Finding {
  for (const verdict of opened.signatures) {
    if (verdict.kind !== "unverified") continue
    const issuer = verdict.reason === "unusable-key" ? verdict.certificate : verdict.issuer
    return { kind: "unverified", reason: verdict.reason, issuer }
  }
  return { kind: "unverified", reason: "undetermined" }
}

function certificateIn(opened: Opened): string | undefined {
  for (const verdict of opened.signatures) if (verdict.kind === "valid") return verdict.certificate
  return undefined
}
