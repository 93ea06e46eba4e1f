// XEP-0434 v0.6.0, Trust Messages. https://xmpp.org/extensions/xep-0434.html
import { type BareJid, childElements, element, isAurochsError, textOf, toBareJid, type XmlElement } from "@aurochs/core"
import { decodeBase64, encodeBase64 } from "./base64.ts"
import { type Codec, expectElement } from "./codec.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"

/** What is said of one owner's keys; each key by the identifier of its encryption (for OX the bytes of its fingerprint). */
export interface TrustStatement {
  readonly owner: BareJid
  readonly trust: readonly Uint8Array[]
  readonly distrust: readonly Uint8Array[]
}

/** `<trust-message/>`: which keys its author trusts, or no longer does. Only inside of what is signed. */
export interface TrustMessage {
  /** Namespace of the protocol that it is for, e.g. `urn:xmpp:atm:1`. */
  readonly usage: string
  /** Namespace of the encryption whose keys these are. */
  readonly encryption: string
  readonly statements: readonly TrustStatement[]
}

const { trustMessages: ns } = namespaces
/** Owners and keys in one message, at most. */
const MAX_ENTRIES = 100
/** The longest fingerprint of OpenPGP has 32 bytes; other encryptions use whole public keys. */
const MAX_IDENTIFIER_BYTES = 256

/** `<trust-message xmlns='urn:xmpp:tm:1'/>` (XEP-0434 §4). */
export const trustMessage: Codec<TrustMessage> = {
  name: "trust-message",
  namespace: ns,
  write({ usage, encryption, statements }) {
    if (statements.length === 0) throw badXml("a trust message without a key owner")
    return element("trust-message", ns, { usage, encryption }, statements.map(writeStatement))
  },
  read(e) {
    expectElement(e, "trust-message", ns)
    const { usage, encryption } = e.attributes
    if (usage === undefined || encryption === undefined) throw badXml("a trust message without usage or encryption")
    const owners = childElements(e, "key-owner", ns)
    if (owners.length === 0) throw badXml("a trust message without a key owner")
    const keys = owners.flatMap((owner) => childElements(owner)).length
    if (keys > MAX_ENTRIES) throw badXml("a trust message about too many keys")
    return { usage, encryption, statements: owners.map(readStatement) }
  },
}

function writeStatement({ owner, trust, distrust }: TrustStatement): XmlElement {
  if (trust.length + distrust.length === 0) throw badXml("a key owner without a key")
  const key = (name: string) => (id: Uint8Array) => element(name, ns, {}, [encodeBase64(id)])
  return element("key-owner", ns, { jid: owner }, [...trust.map(key("trust")), ...distrust.map(key("distrust"))])
}

function readStatement(e: XmlElement): TrustStatement {
  const keys = (name: string) => childElements(e, name, ns).map(readIdentifier)
  const [trust, distrust] = [keys("trust"), keys("distrust")]
  if (trust.length + distrust.length === 0) throw badXml("a key owner without a key")
  return { owner: readOwner(e.attributes.jid), trust, distrust }
}

function readOwner(text: string | undefined): BareJid {
  try {
    if (text !== undefined) return toBareJid(text)
  } catch (error) {
    if (!isAurochsError(error, "BAD_DATA")) throw error
  }
  throw badXml("a key owner without an address")
}

function readIdentifier(e: XmlElement): Uint8Array {
  const text = textOf(e)
  if (text.length > 2 * MAX_IDENTIFIER_BYTES) throw badXml("a key identifier that is too long")
  const bytes = decodeBase64(text)
  if (bytes.length === 0 || bytes.length > MAX_IDENTIFIER_BYTES) throw badXml("no key identifier")
  return bytes
}
