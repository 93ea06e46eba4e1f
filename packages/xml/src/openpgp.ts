// XEP-0373 v0.7.0 §3.1, §4.1, §5.3. https://xmpp.org/extensions/xep-0373.html
import { element, textOf, type XmlElement } from "@aurochs/core"
import { decodeBase64, encodeBase64 } from "./base64.ts"
import { type Codec, expectElement, onlyChild } from "./codec.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"

const { openpgp } = namespaces
const ARMOR = /^-----BEGIN PGP MESSAGE-----[ \t]*\r?\n([\s\S]*?)-----END PGP MESSAGE-----\s*$/

/** `<openpgp/>`: a binary OpenPGP message. Base64 of an armored one is read, too (DinoX sends that). */
export const openpgpElement: Codec<Uint8Array> = {
  name: "openpgp",
  namespace: openpgp,
  write: (bytes) => element("openpgp", openpgp, {}, [encodeBase64(bytes)]),
  read(e) {
    expectElement(e, "openpgp", openpgp)
    const bytes = decodeBase64(textOnly(e))
    if (bytes.length === 0) throw badXml("an empty <openpgp/>")
    return bytes[0] === 0x2d ? unarmored(bytes) : bytes
  },
}

/** `<pubkey><data/></pubkey>`: a binary certificate (XEP-0373 §4.1, R26, R27). */
export const pubkey: Codec<Uint8Array> = {
  name: "pubkey",
  namespace: openpgp,
  write: (bytes) => element("pubkey", openpgp, {}, [element("data", openpgp, {}, [encodeBase64(bytes)])]),
  read(e) {
    expectElement(e, "pubkey", openpgp)
    const bytes = decodeBase64(textOnly(onlyChild(e, "data", openpgp)))
    if (bytes.length === 0) throw badXml("an empty <data/>")
    return bytes
  },
}

/** `<secretkey/>`: secret keys, encrypted with the backup code (XEP-0373 §5.3). */
export const secretKey: Codec<Uint8Array> = {
  name: "secretkey",
  namespace: openpgp,
  write: (bytes) => element("secretkey", openpgp, {}, [encodeBase64(bytes)]),
  read(e) {
    expectElement(e, "secretkey", openpgp)
    const bytes = decodeBase64(textOnly(e))
    if (bytes.length === 0) throw badXml("an empty <secretkey/>")
    return bytes
  },
}

function textOnly(e: XmlElement): string {
  if (e.children.some((child) => typeof child !== "string")) throw badXml(`<${e.name}/> holds nothing but Base64`)
  return textOf(e)
}

/** RFC 9580 §6.2: headers up to the first empty line, then Base64, then perhaps a checksum line. */
function unarmored(bytes: Uint8Array): Uint8Array {
  const match = ARMOR.exec(new TextDecoder().decode(bytes))
  if (match === null) throw badXml("malformed armor")
  const lines = (match[1] ?? "").split(/\r?\n/)
  const empty = lines.findIndex((line) => line.trim() === "")
  return decodeBase64(
    lines
      .slice(empty + 1)
      .filter((line) => !/^=[A-Za-z0-9+/]{4}\s*$/.test(line))
      .join(""),
  )
}
