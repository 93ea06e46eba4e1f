// XEP-0380 v0.4.0, Explicit Message Encryption. https://xmpp.org/extensions/xep-0380.html
import { element } from "@aurochs/core"
import { type Codec, expectElement } from "./codec.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"

/** Says how the rest of a message is encrypted. */
export interface EncryptionHint {
  /** Namespace of the encryption, e.g. `urn:xmpp:openpgp:0`. */
  readonly namespace: string
  /** Its name, for people. */
  readonly name?: string | undefined
}

/** `<encryption/>` (XEP-0374 §3.2, I14). */
export const encryptionHint: Codec<EncryptionHint> = {
  name: "encryption",
  namespace: namespaces.eme,
  write: ({ namespace, name }) => element("encryption", namespaces.eme, { namespace, name }),
  read(e) {
    expectElement(e, "encryption", namespaces.eme)
    const { namespace, name } = e.attributes
    if (!namespace) throw badXml("an <encryption/> without namespace")
    return { namespace, name }
  },
}
