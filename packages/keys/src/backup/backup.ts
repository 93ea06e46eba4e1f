import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Clock,
  type Fingerprint,
  isAurochsError,
  type Random,
  type Transport,
} from "@aurochs/core"
import type { CryptoProvider, SecretKey, SecretTransfer } from "@aurochs/crypto"
import { formatDateTime, iq, pubsub, secretKey, secretKeyNode } from "@aurochs/xml"
import { equalBytes } from "../collect.ts"
import { backupCode } from "./code.ts"
import { checkNode, createNode, deleteNode, type NodeRefusal, type Service, supportOf } from "./node.ts"

/** What keeping and bringing back secret keys on the server needs. */
export interface BackupOptions extends CallOptions {
  /** Logged in as the account whose keys these are. */
  readonly transport: Transport
  readonly provider: CryptoProvider
  /** The transport's account by default. */
  readonly account?: BareJid | undefined
}

/** The outcome of {@link backUpKeys}. */
export type Backup =
  | {
      readonly kind: "stored"
      /** To be shown once and kept nowhere; see {@link backupCode}. */
      readonly code: string
      readonly fingerprints: readonly Fingerprint[]
      /** `not-persistent`: the server does not promise to keep it over its restart (R37). */
      readonly warnings: readonly "not-persistent"[]
    }
  /** Nothing was stored. */
  | ({ readonly kind: "refused" } & NodeRefusal)

/** Largest backup that is written or read, in bytes. */
export const MAX_BACKUP_BYTES = 262_144

/**
 * Keeps secret keys on the account's own server, encrypted with a new code (XEP-0373 §5, requirements R36–R44). The node
 * that holds them is checked each time: access model `whitelist`, and nobody on the list but the account itself. A node
 * that is not there is made so; one that is otherwise is left alone, and nothing is stored.
 *
 * An earlier backup is replaced, and its code opens nothing any more.
 *
 * @param o.keys every key that the backup is to hold (R40); at least one
 * @param o.unannounced go on where the server does not announce the access model `whitelist`: the node is made, and
 * what came of it is looked at as always
 * @param o.recreate delete a node with other settings, with whatever it holds, and make it anew
 * @throws {AurochsError} `UNSUPPORTED` (secret keys do not leave this engine), `BAD_DATA` (no key; `secret-key` with
 * limit: too many), `STANZA_ERROR`, `NETWORK`, `ABORTED`
 */
export async function backUpKeys(
  o: BackupOptions & {
    readonly keys: readonly SecretKey[]
    readonly random: Random
    readonly clock: Clock
    readonly recreate?: boolean | undefined
    readonly unannounced?: boolean | undefined
  },
): Promise<Backup> {
  const service = serviceOf(o)
  const secrets = secretsOf(o.provider)
  if (o.keys.length === 0) throw new AurochsError("BAD_DATA", "there is no key to back up", { what: "secret-key" })
  const support = await supportOf(service, o.unannounced ?? false)
  if ("because" in support) return { kind: "refused", ...support }
  const refusal = await readyNode(service, support.persistent, o.recreate ?? false)
  if (refusal !== undefined) return { kind: "refused", ...refusal }

  const code = backupCode(o.random)
  const sealed = await sealKeys(secrets, o.keys, code, o)
  const options = {
    "pubsub#access_model": "whitelist",
    ...(support.persistent ? { "pubsub#persist_items": "true" } : {}),
  }
  const item = { node: secretKeyNode, itemId: formatDateTime(o.clock.now()), payload: secretKey.write(sealed) }
  await o.transport.request(iq({ type: "set" }, pubsub.publish({ ...item, options })), { signal: o.signal })
  const changed = await checkNode(service)
  if (changed !== undefined) {
    // Somebody opened it meanwhile.
    await deleteNode(service)
    return { kind: "refused", ...(changed === "absent" ? ({ because: "not-told" } as const) : changed) }
  }
  const back = await readBackup(service)
  if (back === undefined || !equalBytes(back, sealed)) {
    throw new AurochsError("STANZA_ERROR", "the server took the backup and does not give it back", {
      condition: "item-not-found",
      type: "cancel",
    })
  }
  return {
    kind: "stored",
    code,
    fingerprints: o.keys.map((key) => key.certificate.fingerprint),
    warnings: support.persistent ? [] : ["not-persistent"],
  }
}

/** The outcome of {@link restoreKeys}. */
export type Restored =
  | {
      readonly kind: "restored"
      /** Handles; the caller disposes them. */
      readonly keys: readonly SecretKey[]
      /** The node is not as it should be: whoever could read it may have tried codes. */
      readonly exposed?: NodeRefusal | undefined
    }
  /** The account has no backup. */
  | { readonly kind: "none" }

/**
 * Brings secret keys back from the account's own server (XEP-0373 §5). Only the account's own node is asked, and its
 * size and the cost of its string-to-key are bounded before any work (attack A18).
 *
 * @param o.code verbatim, dashes included (R43)
 * @throws {AurochsError} `CANNOT_DECRYPT` (`bad-passphrase`: the code is not the one, or the backup was altered),
 * `BAD_DATA`, `UNSUPPORTED`, `STANZA_ERROR`, `NETWORK`, `ABORTED`
 */
export async function restoreKeys(o: BackupOptions & { readonly code: string }): Promise<Restored> {
  const service = serviceOf(o)
  const secrets = secretsOf(o.provider)
  const sealed = await readBackup(service)
  if (sealed === undefined) return { kind: "none" }
  const checked = await checkNode(service)
  const plain = await secrets.decryptWithPassword(sealed, { password: o.code, signal: o.signal })
  try {
    const keys = await o.provider.importSecret(plain, { signal: o.signal })
    return { kind: "restored", keys, exposed: checked === "absent" ? undefined : checked }
  } finally {
    plain.fill(0)
  }
}

/**
 * Takes the backup off the server, with its node. None is no error.
 *
 * @throws {AurochsError} `STANZA_ERROR`, `NETWORK`, `ABORTED`
 */
export async function removeBackup(o: Omit<BackupOptions, "provider">): Promise<void> {
  await deleteNode(serviceOf(o))
}

/** Makes sure of a node that nobody else can read; undefined: it is. */
async function readyNode(service: Service, persistent: boolean, recreate: boolean): Promise<NodeRefusal | undefined> {
  let found = await checkNode(service)
  if (found !== undefined && found !== "absent" && recreate) {
    await deleteNode(service)
    found = "absent"
  }
  if (found !== "absent") return found
  await createNode(service, persistent)
  const made = await checkNode(service)
  return made === "absent" ? { because: "not-told" } : made
}

/** Transferable secret keys one after another, without protection of their own (R40, R41), in one password message. */
async function sealKeys(
  secrets: SecretTransfer,
  keys: readonly SecretKey[],
  code: string,
  { signal }: CallOptions,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  try {
    for (const key of keys) parts.push(await secrets.export(key, { passphrase: "none", signal }))
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      all.set(part, at)
      at += part.length
    }
    try {
      const sealed = await secrets.encryptWithPassword(all, { password: code, signal })
      if (sealed.length <= MAX_BACKUP_BYTES) return sealed
    } finally {
      all.fill(0)
    }
  } finally {
    for (const part of parts) part.fill(0)
  }
  throw new AurochsError("BAD_DATA", "too many or too large keys for one backup", {
    what: "secret-key",
    limit: "maxBackupBytes",
  })
}

async function readBackup({ transport, signal }: Service): Promise<Uint8Array | undefined> {
  try {
    const request = iq({ type: "get" }, pubsub.items({ node: secretKeyNode, maxItems: 1 }))
    const answer = pubsub.readItems(await transport.request(request, { signal }))
    const payload = answer.node === secretKeyNode ? answer.items.at(-1)?.payload : undefined
    if (payload === undefined) return undefined
    const bytes = secretKey.read(payload)
    if (bytes.length <= MAX_BACKUP_BYTES) return bytes
  } catch (error) {
    if (isAurochsError(error, "STANZA_ERROR") && error.details.condition === "item-not-found") return undefined
    throw error
  }
  throw new AurochsError("BAD_DATA", "the backup is larger than any", { what: "message", limit: "maxBackupBytes" })
}

function serviceOf({ transport, account, signal }: Omit<BackupOptions, "provider">): Service {
  return { transport, account: account ?? transport.account, signal }
}

function secretsOf({ name, secrets }: CryptoProvider): SecretTransfer {
  if (secrets !== undefined) return secrets
  throw new AurochsError("UNSUPPORTED", `${name} does not give secret keys away`, { feature: "secret key export" })
}
