import {
  type BareJid,
  type CallOptions,
  childElement,
  element,
  isAurochsError,
  type Transport,
  toBareJid,
} from "@aurochs/core"
import { dataForm, discoInfo, iq, namespaces, pubsub, secretKeyNode } from "@aurochs/xml"

/** The account's PEP service. */
export interface Service extends CallOptions {
  readonly transport: Transport
  readonly account: BareJid
}

/** Why the node is not safe for a secret key, encrypted as it is. */
export type NodeRefusal =
  /** The server has no PEP (XEP-0373 §5.1). */
  | { readonly because: "no-pep" }
  /** The server does not announce the access model `whitelist` (R36). Prosody 0.12 and ejabberd 23.01 have it, and do not say so. */
  | { readonly because: "no-whitelist" }
  /** The node is there with another access model (R38). */
  | { readonly because: "not-whitelist"; readonly accessModel: string }
  /** Somebody else may read or write there, too (R39). */
  | { readonly because: "others"; readonly others: readonly string[] }
  /** The server does not tell who may read. */
  | { readonly because: "not-told" }

/** The node's fields (XEP-0223, XEP-0373 §5.3, §6.2). */
export const NODE_FIELDS = {
  "pubsub#access_model": "whitelist",
  "pubsub#send_last_published_item": "on_sub",
} as const

const feature = (name: string) => `${namespaces.pubsub}#${name}`

/**
 * What the server says it can do (XEP-0373 §5.1.1).
 *
 * @param unannounced go on without the announcement of the access model
 * @returns a refusal, or whether items persist (R37)
 */
export async function supportOf(
  { transport, account, signal }: Service,
  unannounced: boolean,
): Promise<NodeRefusal | { readonly persistent: boolean }> {
  const query = element("query", namespaces.discoInfo)
  const answer = await transport.request(iq({ type: "get", to: account }, query), { signal })
  const info = discoInfo.read(childElement(answer, "query", namespaces.discoInfo) ?? answer)
  if (!info.identities.some(({ category, type }) => category === "pubsub" && type === "pep"))
    return { because: "no-pep" }
  if (!unannounced && !info.features.includes(feature("access-whitelist"))) return { because: "no-whitelist" }
  return { persistent: info.features.includes(feature("persistent-items")) }
}

/**
 * Looks at the node's access model and at everybody who has a part in it, afresh each time.
 *
 * @returns undefined: only the account itself; `absent`: there is no node
 */
export async function checkNode(service: Service): Promise<NodeRefusal | "absent" | undefined> {
  try {
    const accessModel = await accessModelOf(service)
    if (accessModel !== "whitelist") return { because: "not-whitelist", accessModel }
    const others = await othersOn(service)
    return others.length === 0 ? undefined : { because: "others", others }
  } catch (error) {
    if (isAurochsError(error, "STANZA_ERROR") && error.details.condition === "item-not-found") return "absent"
    // A server that does not tell cannot be trusted with it.
    if (isAurochsError(error, "STANZA_ERROR") && error.details.type !== "wait") return { because: "not-told" }
    if (isAurochsError(error, "BAD_DATA")) return { because: "not-told" }
    throw error
  }
}

async function accessModelOf({ transport, signal }: Service): Promise<string> {
  const answer = await transport.request(iq({ type: "get" }, pubsub.getConfig(secretKeyNode)), { signal })
  const owner = namespaces.pubsubOwner
  const configure = childElement(childElement(answer, "pubsub", owner) ?? answer, "configure", owner)
  const form = configure && childElement(configure, "x", namespaces.dataForm)
  return (form && dataForm.read(form).fields["pubsub#access_model"]?.[0]) ?? "unknown"
}

/** Whoever is on the list and is not the account itself. `outcast` and `none` may nothing. */
async function othersOn({ transport, account, signal }: Service): Promise<readonly string[]> {
  const answer = await transport.request(iq({ type: "get" }, pubsub.getAffiliations(secretKeyNode)), { signal })
  return pubsub
    .readAffiliations(answer)
    .filter(({ jid, affiliation }) => affiliation !== "outcast" && affiliation !== "none" && !isSame(jid, account))
    .map(({ jid }) => jid)
}

function isSame(jid: string, account: BareJid): boolean {
  try {
    return toBareJid(jid) === account
  } catch {
    return false
  }
}

/** Creates it with the right settings from the beginning (R38). */
export async function createNode({ transport, signal }: Service, persistent: boolean): Promise<void> {
  const fields = persistent ? { ...NODE_FIELDS, "pubsub#persist_items": "true" } : NODE_FIELDS
  await transport.request(iq({ type: "set" }, pubsub.createNode(secretKeyNode, fields)), { signal })
}

/** Deletes it; one that is not there is no error. */
export async function deleteNode({ transport, signal }: Service): Promise<void> {
  try {
    await transport.request(iq({ type: "set" }, pubsub.deleteNode(secretKeyNode)), { signal })
  } catch (error) {
    if (!isAurochsError(error, "STANZA_ERROR") || error.details.condition !== "item-not-found") throw error
  }
}
