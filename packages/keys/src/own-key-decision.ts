import type { Fingerprint } from "@aurochs/core"

/** What is known when a bot starts. Fingerprints of primary keys. */
export interface OwnKeyFacts {
  /** Own keys that are usable and whose secret is here, oldest first. */
  readonly held: readonly Fingerprint[]
  /** The account's own key list as the server has it. */
  readonly listed: readonly Fingerprint[]
  /** Listed keys whose certificate cannot be had. */
  readonly missing: readonly Fingerprint[]
  /** Keys that this installation has announced at some time. */
  readonly announcedBefore: readonly Fingerprint[]
  readonly ownKey: "create" | "require"
  /** Does the storage outlive the process? */
  readonly durable: boolean
}

/** What to do about one's own key. */
export type OwnKeyAction =
  /** Held and listed. */
  | { readonly action: "start"; readonly fingerprint: Fingerprint }
  /** Held, and the list is empty: announce it for the first time. */
  | { readonly action: "announce"; readonly fingerprint: Fingerprint }
  /** Announced from here before, and gone: merge it back. */
  | { readonly action: "reannounce"; readonly fingerprint: Fingerprint; readonly gone: "list" | "certificate" }
  | { readonly action: "create" }
  | {
      readonly action: "refuse"
      /** Error code, and the `field` of a `CONFIGURATION`. */
      readonly code: "NO_USABLE_KEY" | "CONFIGURATION"
      readonly field: "ownKey" | "storage"
      readonly because: "not-announced" | "secret-not-here" | "secret-lost" | "no-key" | "not-durable"
      /** What is wrong and what to do. */
      readonly message: string
    }

/**
 * Decides what to do about one's own key at the start and when the list changes (XEP-0373 §6.3, requirements R47, R48).
 * Pure. Of several held keys the newest that fits is taken.
 *
 * | held here | own list | announced from here before | action |
 * |---|---|---|---|
 * | yes | names it | | start (its certificate is gone: reannounce) |
 * | yes | does not name it | yes | reannounce |
 * | yes | empty | no | announce |
 * | yes | others only | no | refuse: `key announce` |
 * | no | not empty | | refuse: `key import`, `key restore` |
 * | no | empty | yes | refuse: `key import`, `key restore` |
 * | no | empty | no | create if wanted and the storage is durable, else refuse |
 */
export function ownKeyAtStart(facts: OwnKeyFacts): OwnKeyAction {
  return facts.held.length > 0 ? withHeldKey(facts) : withoutKey(facts)
}

function withHeldKey({ held, listed, missing, announcedBefore }: OwnKeyFacts): OwnKeyAction {
  const present = held.findLast((one) => listed.includes(one) && !missing.includes(one))
  if (present !== undefined) return { action: "start", fingerprint: present }
  const withoutCertificate = held.findLast((one) => listed.includes(one))
  if (withoutCertificate !== undefined) {
    return { action: "reannounce", fingerprint: withoutCertificate, gone: "certificate" }
  }
  const gone = held.findLast((one) => announcedBefore.includes(one))
  if (gone !== undefined) return { action: "reannounce", fingerprint: gone, gone: "list" }
  const newest = held.at(-1)
  if (listed.length === 0 && newest !== undefined) return { action: "announce", fingerprint: newest }
  return refuse(
    "not-announced",
    `the account's key list names other keys (${listed.join(", ")}) and not the one that is here (${held.join(", ")}). ` +
      "If it is to be used beside them, announce it once: aurochs key announce. " +
      "If it is not meant to be used, put the announced one here instead: aurochs key import, or aurochs key restore",
  )
}

function withoutKey({ listed, announcedBefore, ownKey, durable }: OwnKeyFacts): OwnKeyAction {
  if (listed.length > 0) {
    return refuse(
      "secret-not-here",
      `the account announces a key (${listed.join(", ")}) whose secret part is not here. ` +
        "Bring it here: aurochs key import, or aurochs key restore",
    )
  }
  if (announcedBefore.length > 0) {
    return refuse(
      "secret-lost",
      `a key was announced from here before (${announcedBefore.join(", ")}), and its secret part is gone; ` +
        "another one is not made in silence. Bring it back: aurochs key import, or aurochs key restore",
    )
  }
  if (ownKey === "require") {
    return refuse(
      "no-key",
      "the account has no key yet. Make one: aurochs key generate, or bring one: aurochs key import",
    )
  }
  if (!durable) {
    return refuse(
      "not-durable",
      "a new key is made only where it can be kept, and this storage forgets everything at the end. " +
        "Use a storage that lasts (fileStore, postgresStorage), or bring a key: aurochs key import",
    )
  }
  return { action: "create" }
}

type Refusal = Extract<OwnKeyAction, { action: "refuse" }>

function refuse(because: Refusal["because"], message: string): Refusal {
  const isSetting = because === "no-key" || because === "not-durable"
  return {
    action: "refuse",
    code: isSetting ? "CONFIGURATION" : "NO_USABLE_KEY",
    field: because === "not-durable" ? "storage" : "ownKey",
    because,
    message,
  }
}
