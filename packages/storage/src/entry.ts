import { createHash } from "node:crypto"
import { AurochsError, type XmlElement } from "@aurochs/core"
import type { NewEntry } from "./archive.ts"
import { element, Malformed } from "./json.ts"

/**
 * A stanza as JSON, attributes sorted by name: equal stanzas give equal text. For authors of stores;
 * {@link elementFromJson} reads it back.
 *
 * @param stanza any element
 */
export function elementToJson(stanza: XmlElement): string {
  return JSON.stringify(plain(stanza))
}

/**
 * Reads what {@link elementToJson} wrote and checks every field.
 *
 * @param json the text
 * @throws {AurochsError} `BAD_DATA` if it is anything else
 */
export function elementFromJson(json: string): XmlElement {
  try {
    return element(JSON.parse(json), "element")
  } catch (cause) {
    if (!(cause instanceof Malformed) && !(cause instanceof SyntaxError)) throw cause
    throw new AurochsError("BAD_DATA", "not an element written as JSON", { what: "xml" }, { cause })
  }
}

/**
 * The 32 bytes by which an archive tells entries of one account and direction apart: a SHA-256 of the OpenPGP bytes,
 * or of the stanza where there are none. For authors of stores.
 *
 * @param entry what is to be archived
 */
export function entryDigest(entry: Pick<NewEntry, "openpgp" | "stanza">): Uint8Array {
  const hash = createHash("sha256")
  // The prefix keeps a stanza from having the digest of a message.
  if (entry.openpgp !== undefined) hash.update("openpgp\0").update(entry.openpgp)
  else hash.update("stanza\0").update(elementToJson(entry.stanza))
  return new Uint8Array(hash.digest())
}

function plain(value: XmlElement): XmlElement {
  const attributes = Object.fromEntries(Object.entries(value.attributes).sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    name: value.name,
    namespace: value.namespace,
    attributes,
    children: value.children.map((child) => (typeof child === "string" ? child : plain(child))),
  }
}
