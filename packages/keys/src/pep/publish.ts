import { AurochsError, type CallOptions, type Certificate, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import { type PublicKeyEntry, pubkey, publicKeyNode, publicKeysList, publicKeysNode, pubsub } from "@aurochs/xml"
import { equalBytes } from "../collect.ts"
import { findUserId, userIdOf } from "../user-id.ts"
import { change, invisibleBecause, type PepContext } from "./context.ts"
import { fetchData, lowerCaseNode, readList } from "./lookup.ts"
import { publishOpen, settle } from "./node.ts"

/** Other clients may write the list at the same time (attack A33): merged again this often, then it is an error. */
const MAX_ROUNDS = 5
/** First pause between two rounds, in milliseconds; doubled each time. */
const PAUSE_MS = 250

/**
 * Announces a certificate: its data node first and read back (R28), then the list. What is there already is not
 * written again. A server that finds it too large gets the smallest certificate that serves (XEP-0373 §7.2, R49, R50).
 *
 * @throws {AurochsError} `BAD_DATA` (`certificate`) if it is not one of this account, `STANZA_ERROR`, `NETWORK`, `ABORTED`
 */
export async function announce(
  pep: PepContext,
  certificate: CertificateInfo,
  options: CallOptions = {},
): Promise<void> {
  const keepUserId = await checkOwn(pep, certificate, options)
  try {
    await announceAs(pep, certificate, options)
  } catch (error) {
    if (!isTooLarge(error)) throw error
    const small = await pep.provider.minimize(certificate.bytes, {
      keepUserId,
      now: pep.clock.now(),
      signal: options.signal,
    })
    if (small.bytes.length >= certificate.bytes.length) throw error
    await announceAs(pep, small, options)
  }
}

/** `policy-violation`, or what XEP-0060 §7.1.3.5 has for it. */
function isTooLarge(error: unknown): boolean {
  if (!isAurochsError(error, "STANZA_ERROR")) return false
  const { condition, application } = error.details
  return condition === "policy-violation" || application === "payload-too-big"
}

async function announceAs(pep: PepContext, certificate: Certificate, options: CallOptions): Promise<void> {
  const { fingerprint, bytes } = certificate
  const isUpdate = !(await isPublished(pep, certificate, options))
  if (isUpdate) await publishOpen(pep, publicKeyNode(fingerprint), pubkey.write(bytes), options)
  else await settle(pep, publicKeyNode(fingerprint), options)
  if (isUpdate && !(await isPublished(pep, certificate, options))) {
    throw new AurochsError("STANZA_ERROR", "the server took the key and does not give it back; it was not announced", {
      condition: "item-not-found",
      type: "cancel",
    })
  }
  const entry = { fingerprint, date: wholeSecond(pep.clock.now()) }
  await changeList(pep, options, (list, round) => {
    const isListed = list.some((one) => one.fingerprint === fingerprint)
    if (isListed && !(isUpdate && round === 0)) return undefined
    return [...list.filter((one) => one.fingerprint !== fingerprint), entry]
  })
}

/**
 * Takes a key out of the list, then deletes its data nodes.
 *
 * @throws {AurochsError} `STANZA_ERROR`, `NETWORK`, `ABORTED`
 */
export async function withdraw(pep: PepContext, fingerprint: Fingerprint, options: CallOptions = {}): Promise<void> {
  await changeList(pep, options, (list) => {
    const rest = list.filter((entry) => entry.fingerprint !== fingerprint)
    return rest.length === list.length ? undefined : rest
  })
  for (const node of [publicKeyNode(fingerprint), lowerCaseNode(fingerprint)]) await deleteNode(pep, node, options)
}

/**
 * Read, merge, write, read again, until there is nothing to change any more: then our change has survived every other
 * client's. Foreign entries are written back as they were.
 *
 * @param merge the new list; undefined if this one is right
 */
async function changeList(
  pep: PepContext,
  options: CallOptions,
  merge: (list: readonly PublicKeyEntry[], round: number) => readonly PublicKeyEntry[] | undefined,
): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (round > 1) await pep.clock.sleep(PAUSE_MS * 2 ** (round - 2), options)
    const merged = merge(await readList(pep, pep.account, options), round)
    if (merged === undefined) {
      if (round === 0) await settle(pep, publicKeysNode, options)
      return
    }
    // A list has one entry or more (§4.2).
    if (merged.length === 0) await deleteNode(pep, publicKeysNode, options)
    else await publishOpen(pep, publicKeysNode, publicKeysList.write(merged), options)
  }
  if (merge(await readList(pep, pep.account, options), MAX_ROUNDS) === undefined) return
  throw new AurochsError("STANZA_ERROR", "another client keeps overwriting the account's key list", {
    condition: "conflict",
    type: "wait",
  })
}

async function isPublished(pep: PepContext, { fingerprint, bytes }: Certificate, options: CallOptions) {
  const data = await fetchData(pep, pep.account, [publicKeyNode(fingerprint)], options)
  return typeof data !== "string" && equalBytes(data, bytes)
}

async function deleteNode(pep: PepContext, node: string, options: CallOptions): Promise<void> {
  try {
    await change(pep, pubsub.deleteNode(node), options)
  } catch (error) {
    if (invisibleBecause(error) !== "item-not-found") throw error
  }
}

/** As it is written in the list. */
function wholeSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000)
}

/** A key that no peer would accept (R17) is not announced. The text of its User ID. */
async function checkOwn(pep: PepContext, certificate: CertificateInfo, options: CallOptions): Promise<string> {
  const info = await pep.provider.inspect(certificate.bytes, { now: pep.clock.now(), signal: options.signal })
  if (info.fingerprint !== certificate.fingerprint) throw bad("the bytes are another certificate's")
  const userId = findUserId(info, pep.account)
  if (userId === undefined) throw bad(`it has no valid User ID ${userIdOf(pep.account)}`)
  return userId.text
}

function bad(why: string): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `this certificate cannot be announced: ${why}`, { what: "certificate" })
}
