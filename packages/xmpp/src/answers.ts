// RFC 6120 §8.2.3: every IQ request is answered. XEP-0199 (ping), XEP-0030 (disco), RFC 6121 §2.1.6 (roster pushes).
import { type BareJid, childElements, element, isAurochsError, sameBareJid, type XmlElement } from "@aurochs/core"
import { iq, namespaces } from "@aurochs/xml"
import type { Features } from "./disco.ts"

/** Answers a request with its payload, a whole `<iq/>`, or undefined: let another one answer. */
export type AnswerHandler = (request: XmlElement) => Promise<XmlElement | undefined>

/** Who answers what. */
export interface Answers {
  add(query: { readonly namespace: string; readonly name: string }, handler: AnswerHandler): Disposable
  /** The whole answer, addressed; undefined for what must not be answered. */
  to(request: XmlElement): Promise<XmlElement | undefined>
}

/** Requests in work at the same time; anybody may send them. */
const MAX_AT_ONCE = 100

/** @param onForeignPush told of a roster push that is not from our own account (A14) */
export function answers(account: BareJid, features: Features, onForeignPush: (from: string) => void): Answers {
  const handlers = new Map<string, AnswerHandler[]>()
  let atOnce = 0

  const ownAnswer = (request: XmlElement, query: XmlElement): XmlElement | undefined => {
    const { type, from } = request.attributes
    if (type === "get" && query.namespace === namespaces.ping && query.name === "ping") return iq({ type: "result" })
    if (type === "get" && query.name === "query") {
      if (query.namespace === namespaces.discoInfo) return features.info(query) ?? refusal("item-not-found")
      if (query.namespace === namespaces.discoItems) return features.items(query)
    }
    if (type === "set" && query.namespace === namespaces.roster) {
      if (from === undefined || sameBareJid(from, account)) return iq({ type: "result" })
      onForeignPush(from)
    }
    return undefined
  }

  const answer = async (request: XmlElement): Promise<XmlElement> => {
    const [query, ...more] = childElements(request)
    if (query === undefined || more.length > 0) return refusal("bad-request", "modify")
    for (const handler of handlers.get(keyOf(query)) ?? []) {
      const answered = await handler(request)
      if (answered !== undefined) return answered
    }
    return ownAnswer(request, query) ?? refusal("service-unavailable")
  }

  return {
    add(query, handler) {
      const key = keyOf(query)
      handlers.set(key, [...(handlers.get(key) ?? []), handler])
      return {
        [Symbol.dispose]() {
          handlers.set(
            key,
            (handlers.get(key) ?? []).filter((other) => other !== handler),
          )
        },
      }
    },
    async to(request) {
      const { id, type, from } = request.attributes
      if (type !== "get" && type !== "set") return undefined
      if (id === undefined) return undefined
      if (atOnce >= MAX_AT_ONCE) return addressed(refusal("resource-constraint", "wait"), id, from)
      atOnce++
      try {
        const answered = await answer(request)
        const whole = answered.name === "iq" && answered.namespace === namespaces.client
        return addressed(whole ? answered : iq({ type: "result" }, answered), id, from)
      } catch (error) {
        if (!isAurochsError(error, "STANZA_ERROR")) return addressed(refusal("internal-server-error", "wait"), id, from)
        return addressed(refusal(error.details.condition, error.details.type), id, from)
      } finally {
        atOnce--
      }
    },
  }
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace} ${name}`
}

function addressed(answer: XmlElement, id: string, to: string | undefined): XmlElement {
  const { from: _, ...rest } = answer.attributes
  return { ...answer, attributes: { ...rest, id, ...(to === undefined ? {} : { to }) } }
}

function refusal(condition: string, type = "cancel"): XmlElement {
  return iq({ type: "error" }, element("error", namespaces.client, { type }, [element(condition, namespaces.stanzas)]))
}
