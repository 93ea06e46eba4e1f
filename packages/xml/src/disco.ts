// XEP-0030 v2.5.0, Service Discovery. https://xmpp.org/extensions/xep-0030.html
import { childElements, element, isAurochsError, type XmlElement } from "@aurochs/core"
import { type Codec, expectElement } from "./codec.ts"
import { type DataForm, dataForm } from "./data-form.ts"
import { namespaces } from "./namespaces.ts"

/** Who an entity is and what it can do. */
export interface DiscoInfo {
  readonly node?: string | undefined
  readonly identities: readonly {
    readonly category: string
    readonly type: string
    readonly name?: string | undefined
    readonly lang?: string | undefined
  }[]
  readonly features: readonly string[]
  /** Extended information (XEP-0128). */
  readonly forms: readonly DataForm[]
}

/** What an entity has. */
export interface DiscoItems {
  readonly node?: string | undefined
  readonly items: readonly {
    readonly jid: string
    readonly node?: string | undefined
    readonly name?: string | undefined
  }[]
}

const { discoInfo: info, discoItems: list } = namespaces

/** `<query xmlns='…disco#info'/>`. */
export const discoInfo: Codec<DiscoInfo> = {
  name: "query",
  namespace: info,
  write: ({ node, identities, features, forms }) =>
    element("query", info, { node }, [
      ...identities.map(({ category, type, name, lang }) =>
        element("identity", info, { category, type, name, "xml:lang": lang }),
      ),
      ...features.map((feature) => element("feature", info, { var: feature })),
      ...forms.map((form) => dataForm.write(form)),
    ]),
  read(e) {
    expectElement(e, "query", info)
    return {
      node: e.attributes.node,
      identities: childElements(e, "identity", info).map(({ attributes }) => ({
        category: attributes.category ?? "",
        type: attributes.type ?? "",
        name: attributes.name,
        lang: attributes["xml:lang"],
      })),
      features: childElements(e, "feature", info).flatMap(({ attributes }) => (attributes.var ? [attributes.var] : [])),
      forms: childElements(e, "x", namespaces.dataForm).flatMap(readForm),
    }
  },
}

/** `<query xmlns='…disco#items'/>`. */
export const discoItems: Codec<DiscoItems> = {
  name: "query",
  namespace: list,
  write: ({ node, items }) =>
    element(
      "query",
      list,
      { node },
      items.map((item) => element("item", list, { ...item })),
    ),
  read(e) {
    expectElement(e, "query", list)
    const items = childElements(e, "item", list).flatMap(({ attributes: { jid, node, name } }) =>
      jid ? [{ jid, node, name }] : [],
    )
    return { node: e.attributes.node, items }
  },
}

function readForm(e: XmlElement): DataForm[] {
  try {
    return [dataForm.read(e)]
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return []
    throw error
  }
}
