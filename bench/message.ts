import { bareJid, cryptoRandom, type Delivery, type KnownKey, systemClock, type XmlElement } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"
import { pinned } from "@aurochs/keys"
import { open, openpgpBytesOf, seal, textBody } from "@aurochs/message"
import { type Pair, paired, type Side, WARM_UP_MS } from "./kit/paired.ts"
import type { BenchContext, BenchModule, Row } from "./kit/types.ts"
import { bobOf, makePeople, type People } from "./people.ts"
import { CONTENT_BYTES, signcryptText } from "./workload.ts"

/** A provider whose price for the rules around it is measured. */
interface Provided {
  readonly name: string
  /** How much of the bare provider's speed has to be left. */
  readonly goal: number
  make(): CryptoProvider
}

const provided: readonly Provided[] = [
  { name: "openpgpjs", goal: 0.95, make: () => openpgpjs() },
  { name: "openssl", goal: 0.88, make: () => openssl({ fallback: openpgpjs() }) },
]

const alice = bareJid("alice@ox.test")
const bob = bareJid("bob@ox.test")

/** What a content element has around its text on average: addresses, time, 16 to 200 characters of padding. */
const AROUND_TEXT_BYTES = 310

interface Cast {
  readonly provider: CryptoProvider
  readonly aliceKey: SecretKey
  readonly bobKey: SecretKey
  readonly known: KnownKey
}

async function cast(provider: CryptoProvider, people: People): Promise<Cast> {
  const [aliceKey] = await provider.importSecret(people.alice.secret)
  const [bobKey] = await provider.importSecret(bobOf(people).secret)
  if (aliceKey === undefined || bobKey === undefined) throw new Error("a key was not imported")
  const known: KnownKey = {
    ...people.alice.certificate,
    owner: alice,
    firstSeen: systemClock().now(),
    source: "config",
    binds: "nothing",
    announced: true,
    approval: "verified",
  }
  return { provider, aliceKey, bobKey, known }
}

function sealing({ provider, aliceKey, bobKey }: Cast, text: string): () => Promise<XmlElement> {
  const random = cryptoRandom()
  const payload = [textBody(text)]
  const to = { from: alice, to: bob, toKeys: [bobKey.certificate], signWith: aliceKey, provider, random }
  return () => seal(payload, { ...to, now: new Date() })
}

function opening({ provider, bobKey, known }: Cast, stanza: XmlElement): () => Promise<void> {
  const trust = pinned([known.fingerprint])
  const delivery: Delivery = { stanza, via: "live", kept: () => {} }
  return async () => {
    const now = new Date()
    const incoming = await open(delivery, {
      account: bob,
      provider,
      decryptWith: [bobKey],
      keysOf: [known],
      trust,
      now,
    })
    if (incoming?.kind !== "secure") throw new Error(`not secure: ${incoming?.kind}`)
  }
}

async function* measured(context: BenchContext, bench: string, sidesOf: SidesOf): AsyncIterable<Row> {
  const people = await makePeople()
  for (const n of context.quick ? [CONTENT_BYTES] : [CONTENT_BYTES, 4_096, 65_536]) {
    const text = "x".repeat(n - AROUND_TEXT_BYTES)
    for (const { name, goal, make } of provided) {
      // Each engine in rounds of its own: what another one leaves behind, in the heap and on the other core, is nobody's here.
      const { bare, message } = await sidesOf(await cast(make(), people), text, n)
      const sides: Side[] = [
        { side: name, once: bare },
        { side: `message+${name}`, once: message },
      ]
      const pairs: Pair[] = [{ side: `message+${name}`, ratioTo: name, ...(n === CONTENT_BYTES ? { goal } : {}) }]
      const warmUpMs = n === CONTENT_BYTES ? WARM_UP_MS : undefined
      yield* await paired(context, { bench, n, sides, pairs, warmUpMs })
    }
  }
}

type SidesOf = (cast: Cast, text: string, n: number) => Promise<Record<"bare" | "message", () => unknown>>

/** What `message.seal` adds to `provider.signcrypt`. */
export const messageSeal: BenchModule = {
  bench: "message-seal",
  title: "What `message.seal` costs beside the bare provider",
  about:
    "`message.seal` writes the content element with its padding, has it signed and encrypted to one recipient and " +
    "oneself, and makes the stanza. The bare provider signs and encrypts a content element of n bytes.",
  nMeans: "bytes",
  opsMean: "messages",
  run: (context) =>
    measured(context, "message-seal", async (who, text, n) => {
      const plaintext = new TextEncoder().encode(signcryptText(n))
      const recipients = [who.bobKey.certificate, who.aliceKey.certificate]
      const bare = () => who.provider.signcrypt(plaintext, { recipients, signWith: who.aliceKey, now: new Date() })
      return { bare, message: sealing(who, text) }
    }),
}

/** What `message.open` adds to `provider.open`. */
export const messageOpen: BenchModule = {
  bench: "message-open",
  title: "What `message.open` costs beside the bare provider",
  about:
    "`message.open` reads Base64, judges the sender's keys, has the message opened, reads the content element strictly " +
    "and applies every rule. The bare provider opens the same OpenPGP message. What is known of a key is asked once for as " +
    "long as it holds (`CertificateInfo.holds`); the policy and every rule are asked for each message.",
  nMeans: "bytes",
  opsMean: "messages",
  run: (context) =>
    measured(context, "message-open", async (who, text) => {
      const stanza = await sealing(who, text)()
      const bytes = openpgpBytesOf(stanza)
      if (bytes === undefined) throw new Error("the stanza holds no message")
      const bare = async () => {
        const { signatures } = await who.provider.open(bytes, {
          decryptWith: [who.bobKey],
          verifyWith: [who.known],
          now: new Date(),
        })
        if (signatures[0]?.kind !== "valid") throw new Error("not signed by Alice")
      }
      return { bare, message: opening(who, stanza) }
    }),
}
