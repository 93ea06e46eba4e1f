import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Delivery,
  isAurochsError,
  type KnownKey,
  textOf,
  throwIfAborted,
  type XmlElement,
} from "@aurochs/core"
import {
  type CryptoProvider,
  defaultLimits,
  givenLimits,
  type Limits,
  type Opened,
  type SecretKey,
} from "@aurochs/crypto"
import type { TrustPolicy } from "@aurochs/keys"
import { type ContentElement, namespaces, openpgpElement } from "@aurochs/xml"
import { readContent } from "./content-text.ts"
import { carries, envelopeOf, type Parties, peerOf, plaintextBodies } from "./envelope.ts"
import type { Incoming, IncomingBase } from "./incoming.ts"
import { type Notes, nameFor, notes } from "./notes.ts"
import { acceptPayload, bodyText } from "./payload.ts"
import { replayKeyOf } from "./replay.ts"
import {
  type ContentFacts,
  contentRows,
  envelopeRows,
  type Finding,
  findingOf,
  firstFinding,
  type OpenedFacts,
  openedRows,
  reject,
} from "./rules.ts"
import {
  type JudgedKeys,
  type JudgingOptions,
  judgeKnownAtOnce,
  judgeKnownKeys,
  judgeSigners,
  type Signer,
} from "./signers.ts"

/** What {@link open} needs. */
export interface OpenOptions extends CallOptions {
  readonly account: BareJid
  readonly provider: CryptoProvider
  /** One's own keys, old ones too. */
  readonly decryptWith: readonly SecretKey[]
  /** The known keys of the sender: the peer's, or one's own for what another client of ours sent. */
  readonly keysOf: readonly KnownKey[]
  /** For the sender's keys. */
  readonly trust: TrustPolicy
  readonly now: Date
  readonly limits?: Partial<Limits> | undefined
}

/** An {@link Incoming} that, if it is `secure`, can be told from a replay of itself. */
export type Received = Incoming & {
  /** For `SeenSet.claim`, before anything else sees the message (attack A2). Only with `secure`. */
  readonly replayKey?: string | undefined
}

/**
 * Opens one incoming message by every rule of XEP-0373 §3.2 and XEP-0374, in the order of the tables in `rules.ts`. No
 * statement of the stanza makes it throw: each failure is `rejected` with the name of its check, or `unverified` with
 * its reason. Nothing but `secure` may be acted on.
 *
 * @returns undefined if there is nothing to read: no encryption and no body, a bounced message, or no `local@domain` as
 * the other side
 * @throws {AurochsError} `ABORTED`, `BACKEND`, `KEY_LOCKED`: it could not be asked; `CONFIGURATION` for a limit that would
 *   bound nothing
 */
export async function open(delivery: Delivery, options: OpenOptions): Promise<Received | undefined> {
  throwIfAborted(options)
  const begun = begin(delivery, options.account)
  if (begun === undefined || "kind" in begun) return begun
  try {
    return await openSealed(begun, delivery, options)
  } catch (error) {
    if (isAurochsError(error)) throw error
    // What the engine threw may quote what it was reading: it goes no further.
    const backend = options.provider.name
    throw new AurochsError("BACKEND", "the OpenPGP engine failed", { backend })
  }
}

/** A message whose stanza is as it should be. */
interface Begun {
  readonly base: IncomingBase
  readonly parties: Parties
  readonly noted: Notes
  readonly openpgp: XmlElement
}

/** What can be said before anything is decrypted: all of it, if that is an {@link Incoming}. */
function begin(delivery: Delivery, account: BareJid): Begun | Incoming | undefined {
  const { stanza, via, stampedAt } = delivery
  const parties = peerOf(delivery, account)
  const envelope = envelopeOf(stanza)
  if (parties === undefined || !carries(envelope)) return undefined
  const noted = notes()
  const { peer, direction } = parties
  const stanzaId = stanza.attributes.id
  const base: IncomingBase = { account, peer, direction, via, stanzaId, stampedAt, notes: noted.all }
  const refused = firstFinding(envelopeRows, envelope)
  if (refused !== undefined) return { ...base, ...refused }
  const [openpgp] = envelope.openpgp
  if (openpgp === undefined) return { ...base, kind: "plaintext", body: bodyText(plaintextBodies(stanza), noted) ?? "" }
  noteOuter(stanza, noted)
  return { base, parties, noted, openpgp }
}

async function openSealed(begun: Begun, delivery: Delivery, options: OpenOptions): Promise<Received> {
  const { base, openpgp } = begun
  const { account, provider, decryptWith, trust, keysOf, now, limits, signal } = options
  const bytes = readBytes(openpgp, limits)
  if (!(bytes instanceof Uint8Array)) return { ...base, ...bytes }
  const judging: JudgingOptions = { sender: begun.parties.sender, keysOf, provider, trust, now, signal }
  const keys = judgeKnownAtOnce(judging) ?? (await judgeKnownKeys(judging))
  let opened: Opened
  try {
    opened = await provider.open(bytes, { decryptWith, verifyWith: keys.verifyWith, now, limits, signal })
  } catch (error) {
    return { ...base, ...findingOf(error) }
  }
  const hasToVouch = provider.verdicts === "valid-only" && keys.senders.length > 0
  const read = readOpened({ opened, isSenders: isSendersBy(keys), hasToVouch }, begun.noted, limits)
  if ("kind" in read) return { ...base, ...read }
  const asked = judgeSigners(opened, keys, judging)
  const signers = asked instanceof Promise ? await asked : asked
  const finding = judgeContent(read, signers, begun, delivery, options)
  if (finding !== undefined) return { ...base, ...finding }
  const [signer] = signers
  // The last row lets nothing pass that has no signer; without one there is nothing to tell.
  if (signer === undefined) return { ...base, ...reject("signature") }
  const replayKey = await replayKeyOf(account, signer.fingerprint, opened.plaintext)
  return secure(read, signer, begun, replayKey)
}

function isSendersBy(keys: JudgedKeys): OpenedFacts["isSenders"] {
  return (certificate) => keys.senders.some(({ key }) => key.fingerprint === certificate)
}

interface Read extends OpenedFacts {
  readonly content: ContentElement
}

/** Judges what the engine said, and reads the content element only then. */
function readOpened(facts: OpenedFacts, noted: Notes, limits: Partial<Limits> | undefined): Read | Finding {
  const unsigned = firstFinding(openedRows, facts)
  if (unsigned !== undefined) return unsigned
  const { opened } = facts
  try {
    const content = readContent(opened.plaintext, limits)
    for (const child of content.unknown) noted.add(`unknown beside the payload: ${nameFor(child)}`)
    return { ...facts, content }
  } catch (error) {
    return findingOf(error)
  }
}

function judgeContent(
  read: Read,
  signers: readonly Signer[],
  { parties: { direction, peer }, noted }: Begun,
  { stanza, stampedAt }: Delivery,
  { account, now }: OpenOptions,
): Finding | undefined {
  const recipient = direction === "in" ? account : peer
  const outerTo = stanza.attributes.to ?? account
  const facts: ContentFacts = { ...read, signers, recipient, outerTo, now, stampedAt }
  const finding = firstFinding(contentRows, facts)
  return finding?.kind === "unverified" ? { ...finding, unverifiedBody: bodyOf(read.content, noted) } : finding
}

function secure({ opened, content }: Read, signer: Signer, { base, noted }: Begun, replayKey: string): Received {
  const payload = acceptPayload(content.payload, noted)
  return {
    ...base,
    kind: "secure",
    body: bodyText(payload, noted),
    payload,
    signedBy: signer.fingerprint,
    openedWith: opened.encryptedTo,
    writtenAt: content.time,
    trust: signer.decision,
    replayKey,
  }
}

/** The OpenPGP message, or why it cannot be had. Its size is bounded before Base64 is read. */
function readBytes(openpgp: XmlElement, limits: Partial<Limits> | undefined): Uint8Array | Finding {
  const { maxMessageBytes: maxBytes } =
    limits === undefined ? defaultLimits : { ...defaultLimits, ...givenLimits(limits) }
  const tooLarge = () =>
    reject(
      "limit",
      new AurochsError("BAD_DATA", "the message is too large", { what: "message", limit: "maxMessageBytes" }),
    )
  // Twice the size leaves room for Base64, for line breaks, and for armor inside.
  if (textOf(openpgp).length > 2 * maxBytes) return tooLarge()
  try {
    const bytes = openpgpElement.read(openpgp)
    return bytes.length > maxBytes ? tooLarge() : bytes
  } catch (error) {
    return findingOf(error)
  }
}

/** For a person to look at, once it is marked as unverified. */
function bodyOf(content: ContentElement, noted: Notes): string | undefined {
  return bodyText(acceptPayload(content.payload, noted), noted)
}

/** What stands outside of the encryption is never content (attack A10); what looks like it is named. */
function noteOuter(stanza: XmlElement, noted: Notes): void {
  for (const child of stanza.children) {
    if (typeof child !== "string" && !EXPECTED_OUTSIDE.has(child.namespace) && child.name !== "body") {
      noted.add(`ignored outside of the encryption: ${nameFor(child)}`)
    }
  }
}

const EXPECTED_OUTSIDE: ReadonlySet<string> = new Set([
  namespaces.openpgp,
  namespaces.eme,
  namespaces.hints,
  namespaces.stanzaId,
  namespaces.delay,
  namespaces.chatStates,
  namespaces.receipts,
])
