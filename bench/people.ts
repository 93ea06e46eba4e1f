import type { Certificate } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { RECIPIENTS, signcryptText } from "./workload.ts"

/** Somebody with an OpenPGP key: v4, Ed25519 and X25519 in their legacy encodings, as every client writes them. */
export interface Person {
  /** The bare JID. */
  readonly jid: string
  readonly certificate: Certificate
  /** The secret key without a passphrase, for whichever engine is measured. */
  readonly secret: Uint8Array
}

/** Who writes to whom, and what. */
export interface People {
  readonly alice: Person
  /** At least as many as the greatest `n`; the first is Bob, who opens. */
  readonly recipients: readonly Person[]
  /** A `<signcrypt/>` of 400 bytes. */
  readonly plaintext: Uint8Array
}

async function person(jid: string): Promise<Person> {
  const provider = openpgpjs()
  const { key } = await provider.generate({ userId: `xmpp:${jid}` })
  const secret = await provider.secrets?.export(key, { passphrase: "none" })
  if (secret === undefined) throw new Error("the provider does not export")
  return { jid, certificate: key.certificate, secret }
}

/** New people with new keys. */
export async function makePeople(): Promise<People> {
  const names = Array.from({ length: Math.max(...RECIPIENTS) }, (_, i) => (i === 0 ? "bob" : `friend${i}`))
  const alice = await person("alice@ox.test")
  const recipients = await Promise.all(names.map((name) => person(`${name}@ox.test`)))
  return { alice, recipients, plaintext: new TextEncoder().encode(signcryptText()) }
}

/** The certificates a message to the first `n` is encrypted to: theirs, and Alice's own. */
export function certificatesOf({ alice, recipients }: People, n: number): Certificate[] {
  return [...recipients.slice(0, n), alice].map(({ certificate }) => certificate)
}

/** The first recipient. */
export function bobOf({ recipients }: People): Person {
  const [bob] = recipients
  if (bob === undefined) throw new Error("there are no recipients")
  return bob
}
