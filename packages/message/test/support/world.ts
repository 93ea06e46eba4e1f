import type { BareJid, Delivery, KnownKey, XmlElement } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { blindBeforeVerification } from "@aurochs/keys"
import { expect } from "vitest"
import { type OpenOptions, open, type Received } from "../../src/index.ts"
import {
  type ContentText,
  contentText,
  type Forgery,
  forge,
  knownKey,
  now,
  openpgpOf,
  type Person,
  person,
  stanzaOf,
} from "./forge.ts"

export const provider = openpgpjs()

/** Alice receives, bob sends, carol is another contact of alice's. */
export interface World {
  readonly alice: Person
  readonly bob: Person
  readonly carol: Person
}

export async function world(): Promise<World> {
  const [alice, bob, carol] = await Promise.all([person("alice"), person("bob"), person("carol")])
  return { alice, bob, carol }
}

/** What may differ from a message of bob's, received live by alice, who knows bob's key. */
export interface Reception extends Partial<Omit<OpenOptions, "decryptWith" | "keysOf">> {
  readonly to?: Person
  readonly keysOf?: readonly KnownKey[]
  readonly via?: Delivery["via"]
  readonly stampedAt?: Date
}

/** Receives a stanza. */
export async function receive(
  { alice, bob }: World,
  stanza: XmlElement,
  reception: Reception = {},
): Promise<Received | undefined> {
  const { to = alice, keysOf = [knownKey(bob, bob)], via = "live", stampedAt, ...over } = reception
  const decryptWith = await provider.importSecret(to.key.write())
  const delivery: Delivery = { stanza, via, stampedAt, kept: () => undefined }
  const account: BareJid = to.jid
  const trust = blindBeforeVerification()
  return open(delivery, { account, provider, decryptWith, keysOf, trust, now, ...over })
}

/** Receives a content element with these parts, signed by bob for alice unless the forgery says otherwise. */
export async function receiveContent(
  people: World,
  parts: ContentText | string,
  forgery: Partial<Forgery> = {},
  reception: Reception = {},
): Promise<Received | undefined> {
  const text = typeof parts === "string" ? parts : contentText(parts)
  const bytes = await forge({ text, for: [people.alice], by: [people.bob], ...forgery })
  return receive(people, stanzaOf([openpgpOf(bytes)]), reception)
}

export function expectSecure(received: Received | undefined): Extract<Received, { kind: "secure" }> {
  expect(received).toMatchObject({ kind: "secure" })
  if (received?.kind !== "secure") throw new Error("not secure")
  return received
}

export const rejected = (check: string) => expect.objectContaining({ kind: "rejected", check })
export const unverified = (reason: string) => expect.objectContaining({ kind: "unverified", reason })
