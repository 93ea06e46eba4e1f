import { type BareJid, bareJid, cryptoRandom, type KnownKey, type XmlElement } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { pinned } from "@aurochs/keys"
import { open, type Received, seal, textBody } from "@aurochs/message"
import { pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import type { Client, World } from "./world.ts"

/** One engine for all tests: it keeps nothing of a message. */
export const provider: CryptoProvider = openpgpjs()

/** A person with a client of her own. */
export interface Peer {
  readonly jid: BareJid
  readonly key: SecretKey
  readonly client: Client
  /** Seals a text for somebody. */
  sealed(
    to: BareJid,
    toKey: SecretKey["certificate"],
    text: string,
    options?: { now?: Date; id?: string },
  ): Promise<XmlElement>
  /** Seals and sends it. */
  say(
    to: BareJid,
    toKey: SecretKey["certificate"],
    text: string,
    options?: { now?: Date; id?: string },
  ): Promise<XmlElement>
  announce(): void
  withdraw(): void
  /** The next message, opened. */
  hear(from: BareJid, fromKey: SecretKey["certificate"]): Promise<Received | undefined>
}

/** Makes a person, whose key is not announced yet. */
export async function createPeer(world: World, name: string, options: { announced?: boolean } = {}): Promise<Peer> {
  const jid = bareJid(`${name}@example.org`)
  const { key } = await provider.generate({ userId: `xmpp:${jid}` })
  const client = world.connect(jid)
  const deliveries = client.messages()[Symbol.asyncIterator]()
  const { fingerprint, bytes } = key.certificate
  const peer: Peer = {
    jid,
    key,
    client,
    sealed: (to, toKey, text, given) =>
      seal([textBody(text)], {
        from: jid,
        to,
        toKeys: [toKey],
        signWith: key,
        provider,
        now: given?.now ?? new Date(),
        random: cryptoRandom(),
        id: given?.id,
      }),
    async say(to, toKey, text, given) {
      const stanza = await peer.sealed(to, toKey, text, given)
      await client.send(stanza)
      return stanza
    },
    announce() {
      const { pep } = world.account(jid)
      pep.put(publicKeyNode(fingerprint), pubkey.write(bytes))
      pep.put(publicKeysNode, publicKeysList.write([{ fingerprint, date: new Date() }]))
    },
    withdraw() {
      const { pep } = world.account(jid)
      pep.remove(publicKeysNode)
      pep.remove(publicKeyNode(fingerprint))
    },
    async hear(from, fromKey) {
      const { value } = await deliveries.next()
      value.kept()
      const known: KnownKey = {
        owner: from,
        ...fromKey,
        firstSeen: new Date(),
        source: "test",
        binds: "account",
        announced: true,
        approval: "none",
      }
      const trust = pinned([fromKey.fingerprint])
      return open(value, { account: jid, provider, decryptWith: [key], keysOf: [known], trust, now: new Date() })
    },
  }
  if (options.announced !== false) peer.announce()
  return peer
}
