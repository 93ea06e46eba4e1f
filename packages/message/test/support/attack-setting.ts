import * as pgp from "openpgp"
import { born, type Person, person, personOf } from "./forge.ts"
import { copyOf, withGrafted, withRevokedUserId } from "./odd-keys.ts"

/** How a vector is received; what is left out is as in {@link usualSetting}. */
export interface Setting {
  readonly account: string
  readonly via: "live" | "carbon-sent" | "carbon-received" | "mam"
  readonly now: string
  readonly stampedAt?: string
  readonly decryptWith: readonly string[]
  readonly keysOf: readonly { readonly owner: string; readonly certificate: string }[]
}

/** Alice receives live, and knows bob's key. */
export const usualSetting: Setting = {
  account: "alice@ox.test",
  via: "live",
  now: "2026-11-23T12:00:00Z",
  decryptWith: ["alice"],
  keysOf: [{ owner: "bob@ox.test", certificate: "bob" }],
}

export type People = Readonly<Record<PersonName, Person>>
export type PersonName = (typeof names)[number]

/** Whose keys there are: each a file in `vectors/attacks/keys/`. */
export const names = [
  "alice",
  "bob",
  "carol",
  "mallory",
  "bob-revoked",
  "bob-weak",
  "bob-suffix",
  "mallory-grafted",
  "bob-user-id-revoked",
] as const

/** Makes every key anew. */
export async function makePeople(): Promise<People> {
  const [alice, bob, carol, mallory] = await Promise.all(["alice", "bob", "carol", "mallory"].map((n) => person(n)))
  if (!alice || !bob || !carol || !mallory) throw new Error("a key is missing")
  const revoked = await pgp.revokeKey({ key: await copyOf(bob.key), date: born, format: "object" })
  return {
    alice,
    bob,
    carol,
    mallory,
    "bob-revoked": { ...bob, key: revoked.privateKey, certificate: revoked.publicKey.write() },
    "bob-weak": await person("bob", { type: "rsa", rsaBits: 1024, subkeys: [] }),
    "bob-suffix": await person("bob", { userIDs: [{ name: "xmpp:bob@ox.test.evil" }] }),
    "mallory-grafted": personOf(mallory.jid, await withGrafted(mallory.key, "xmpp:bob@ox.test")),
    "bob-user-id-revoked": personOf(bob.jid, await withRevokedUserId(bob.key)),
  }
}
