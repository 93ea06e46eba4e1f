// XEP-0373 v0.7.0 §3.1, §4.1, §5.3. https://xmpp.org/extensions/xep-0373.html
import { element, textOf, type XmlElement } from "@aurochs/core"
import { type Codec, expectElement, onlyChild } from "./codec.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"
import { decodePackets, encodePackets } from "./packets.ts"

const { openpgp } = namespaces

/** `<openpgp/>`: a binary OpenPGP message (XEP-0373 §3.1, R1, R2). Base64 of an armored one is read, too. */
export const openpgpElement: Codec<Uint8Array> = {
  name: "openpgp",
  namespace: openpgp,
  write: (bytes) => element("openpgp", openpgp, {}, [encodePackets(bytes)]),
  read(e) {
    expectElement(e, "openpgp", openpgp)
    return decodePackets(textOnly(e), "MESSAGE")
  },
}

/** `<pubkey><data/></pubkey>`: a binary certificate (XEP-0373 §4.1, R21, R26, R27). */
export const pubkey: Codec<Uint8Array> = {
  name: "pubkey",
  namespace: openpgp,
  write: (bytes) => element("pubkey", openpgp, {}, [element("data", openpgp, {}, [encodePackets(bytes)])]),
  read(e) {
    expectElement(e, "pubkey", openpgp)
    return decodePackets(textOnly(onlyChild(e, "data", openpgp)), "PUBLIC KEY BLOCK")
  },
}

/** `<secretkey/>`: secret keys, encrypted with the backup code (XEP-0373 §5.3). */
export const secretKey: Codec<Uint8Array> = {
  name: "secretkey",
  namespace: openpgp,
  write: (bytes) => element("secretkey", openpgp, {}, [encodePackets(bytes)]),
  read(e) {
    expectElement(e, "secretkey", openpgp)
    return decodePackets(textOnly(e), "MESSAGE")
  },
}

function textOnly(e: XmlElement): string {
  if (e.children.some((child) => typeof child !== "string")) throw badXml(`<${e.name}/> holds nothing but Base64`)
  return textOf(e)
}
