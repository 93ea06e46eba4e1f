// XEP-0004 v2.13.2, Data Forms; XEP-0068 v1.3.0, FORM_TYPE. https://xmpp.org/extensions/xep-0004.html
import { childElements, element, textOf } from "@aurochs/core"
import { type Codec, expectElement } from "./codec.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"

/** A data form without what only people need. */
export interface DataForm {
  readonly type: "form" | "submit" | "result" | "cancel"
  /** The value of the hidden field FORM_TYPE. */
  readonly formType?: string | undefined
  /** The values of each field, by its `var`. */
  readonly fields: Readonly<Record<string, readonly string[]>>
}

const { dataForm: ns } = namespaces

/** `<x xmlns='jabber:x:data'/>`. */
export const dataForm: Codec<DataForm> = {
  name: "x",
  namespace: ns,
  write({ type, formType, fields }) {
    const value = (text: string) => element("value", ns, {}, text === "" ? [] : [text])
    const hidden =
      formType === undefined ? [] : [element("field", ns, { var: "FORM_TYPE", type: "hidden" }, [value(formType)])]
    const others = Object.entries(fields).map(([name, values]) =>
      element("field", ns, { var: name }, values.map(value)),
    )
    return element("x", ns, { type }, [...hidden, ...others])
  },
  read(e) {
    expectElement(e, "x", ns)
    const { type } = e.attributes
    if (type !== "form" && type !== "submit" && type !== "result" && type !== "cancel")
      throw badXml("a data form without type")
    const fields = childElements(e, "field", ns).flatMap((field): [string, string[]][] =>
      field.attributes.var === undefined ? [] : [[field.attributes.var, childElements(field, "value", ns).map(textOf)]],
    )
    if (new Set(fields.map(([name]) => name)).size !== fields.length) throw badXml("a data form with a field twice")
    const formType = fields.find(([name]) => name === "FORM_TYPE")?.[1][0]
    return { type, formType, fields: Object.fromEntries(fields.filter(([name]) => name !== "FORM_TYPE")) }
  },
}

/** A form of one value for each field, to be submitted. */
export function submitForm(formType: string, fields: Readonly<Record<string, string>>): DataForm {
  return {
    type: "submit",
    formType,
    fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value]])),
  }
}
