// Runs in a folder with nothing but the installed archives: makes two keys, seals a message from one to the other and
// opens it again. Prints what was opened as JSON.
import { bareJid, cryptoRandom, type KnownKey, systemClock } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { pinned } from "@aurochs/keys"
import { open, seal, textBody } from "@aurochs/message"
import { memoryStorage } from "@aurochs/storage"

const provider = openpgpjs()
const now = systemClock().now()
const alice = bareJid("alice@ox.test")
const bob = bareJid("bob@ox.test")
const { key: aliceKey } = await provider.generate({ userId: `xmpp:${alice}` })
const { key: bobKey } = await provider.generate({ userId: `xmpp:${bob}` })
const stanza = await seal([textBody(process.argv[2] ?? "")], {
  from: alice,
  to: bob,
  toKeys: [bobKey.certificate],
  signWith: aliceKey,
  provider,
  now,
  random: cryptoRandom(),
})

const storage = memoryStorage()
const known: KnownKey = {
  ...aliceKey.certificate,
  owner: alice,
  firstSeen: now,
  source: "config",
  binds: "nothing",
  announced: true,
  approval: "verified",
}
await storage.keys.put(known)
const keysOf: KnownKey[] = []
for await (const key of storage.keys.keysOf(alice)) keysOf.push(key)
const incoming = await open(
  { stanza, via: "live", kept: () => {} },
  {
    account: bob,
    provider,
    decryptWith: [bobKey],
    keysOf,
    trust: pinned([aliceKey.certificate.fingerprint]),
    now,
  },
)
console.log(JSON.stringify({ kind: incoming?.kind, body: incoming?.kind === "secure" ? incoming.body : undefined }))
