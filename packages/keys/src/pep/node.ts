import { type CallOptions, childElement, isAurochsError, type XmlElement } from "@aurochs/core"
import { type DataForm, dataForm, formatDateTime, iq, namespaces, pubsub } from "@aurochs/xml"
import { change, type PepContext } from "./context.ts"

/** Without these a node is of no use: strangers must be able to read it (R23, R29), also when we are away. */
const REQUIRED: Readonly<Record<string, string>> = {
  "pubsub#access_model": "open",
  "pubsub#persist_items": "true",
}

/** Asked for, and not insisted on: notifications without payload (§4.5, R34), nothing sent at each login (§6.2, R46). */
function wished(pep: PepContext): Readonly<Record<string, string>> {
  return {
    ...(pep.notificationOnly ? { "pubsub#deliver_payloads": "false" } : {}),
    "pubsub#send_last_published_item": "on_sub",
  }
}

/**
 * Publishes an item under its time (§4.1, R25) in a node that anybody may read. A node that exists with other settings
 * is configured first; servers without publish-options are configured afterwards.
 *
 * @throws {AurochsError} `STANZA_ERROR`, `NETWORK`, `ABORTED`
 */
export async function publishOpen(
  pep: PepContext,
  node: string,
  payload: XmlElement,
  options: CallOptions,
): Promise<void> {
  const publish = () =>
    change(pep, pubsub.publish({ node, itemId: formatDateTime(pep.clock.now()), payload, options: REQUIRED }), options)
  try {
    await publish()
  } catch (error) {
    if (!isAurochsError(error, "STANZA_ERROR") || error.details.application !== "precondition-not-met") throw error
    await change(pep, pubsub.configure({ node, fields: REQUIRED }), options)
    await publish()
  }
  await settle(pep, node, options)
}

/** Compares the node's configuration with what it should be, and sets what differs and the server knows. */
export async function settle(pep: PepContext, node: string, options: CallOptions): Promise<void> {
  const form = await configOf(pep, node, options)
  if (form === undefined) return
  const required = differing(form, REQUIRED)
  const all = { ...required, ...differing(form, wished(pep)) }
  if (Object.keys(all).length === 0) return
  try {
    await change(pep, pubsub.configure({ node, fields: all }), options)
  } catch (error) {
    if (!isAurochsError(error, "STANZA_ERROR")) throw error
    if (Object.keys(required).length > 0) await change(pep, pubsub.configure({ node, fields: required }), options)
  }
}

/** The node's configuration; undefined if the server does not tell. */
async function configOf({ transport }: PepContext, node: string, options: CallOptions): Promise<DataForm | undefined> {
  try {
    const answer = await transport.request(iq({ type: "get" }, pubsub.getConfig(node)), { signal: options.signal })
    const owner = namespaces.pubsubOwner
    const configure = childElement(childElement(answer, "pubsub", owner) ?? answer, "configure", owner)
    const form = configure && childElement(configure, "x", namespaces.dataForm)
    return form && dataForm.read(form)
  } catch (error) {
    if (isAurochsError(error, "STANZA_ERROR") || isAurochsError(error, "BAD_DATA")) return undefined
    throw error
  }
}

function differing(form: DataForm, wanted: Readonly<Record<string, string>>): Record<string, string> {
  const set: Record<string, string> = {}
  for (const [name, value] of Object.entries(wanted)) {
    const now = form.fields[name]
    if (now !== undefined && !isSame(now[0], value)) set[name] = value
  }
  return set
}

/** XEP-0004 §3.3: a boolean is written as a word or as a digit. */
function isSame(now: string | undefined, wanted: string): boolean {
  if (wanted === "true") return now === "true" || now === "1"
  if (wanted === "false") return now === "false" || now === "0"
  return now === wanted
}
