import { bareJid, cryptoRandom, type Delivery, type KnownKey, systemClock, type XmlElement } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { pinned } from "@aurochs/keys"
import { open, openpgpBytesOf, seal, textBody } from "@aurochs/message"
import { parseXml, serializeXml } from "@aurochs/xml"
import * as openpgp from "openpgp"

/** Cases that are held against the first of them, if there are several. */
export interface Group {
  readonly group: string
  readonly cases: readonly { readonly name: string; run(): unknown }[]
}

const TEXT = "Disk almost full: 4 % of /var/lib/postgresql is left on db-1. ".repeat(2)
const LONG_TEXT = "x".repeat(64 * 1024)

const alice = bareJid("alice@ox.test")
const bob = bareJid("bob@ox.test")

/** Two people with keys, and the same keys as OpenPGP.js has them. */
async function people() {
  const provider = openpgpjs()
  const { key: aliceKey } = await provider.generate({ userId: `xmpp:${alice}` })
  const { key: bobKey } = await provider.generate({ userId: `xmpp:${bob}` })
  const bare = async (key: typeof aliceKey): Promise<openpgp.PrivateKey> => {
    const binaryKey = await provider.secrets?.export(key, { passphrase: "none" })
    if (binaryKey === undefined) throw new Error("this provider does not export")
    return openpgp.readPrivateKey({ binaryKey })
  }
  const known: KnownKey = {
    ...aliceKey.certificate,
    owner: alice,
    firstSeen: systemClock().now(),
    source: "config",
    binds: "nothing",
    announced: true,
    approval: "verified",
  }
  return { provider, aliceKey, bobKey, known, bareAlice: await bare(aliceKey), bareBob: await bare(bobKey) }
}

/** Sealing, opening and reading one message from Alice to Bob. */
export async function contentCases(): Promise<Group[]> {
  const { provider, aliceKey, bobKey, known, bareAlice, bareBob } = await people()
  const random = cryptoRandom()
  const sealText = (text: string): Promise<XmlElement> =>
    seal([textBody(text)], {
      from: alice,
      to: bob,
      toKeys: [bobKey.certificate],
      signWith: aliceKey,
      provider,
      now: new Date(),
      random,
    })
  const trust = pinned([aliceKey.certificate.fingerprint])
  const openStanza = async (stanza: XmlElement): Promise<void> => {
    const delivery: Delivery = { stanza, via: "live", kept: () => {} }
    const incoming = await open(delivery, {
      account: bob,
      provider,
      decryptWith: [bobKey],
      keysOf: [known],
      trust,
      now: new Date(),
    })
    if (incoming?.kind !== "secure") throw new Error(`not secure: ${incoming?.kind}`)
  }
  const bareSeal = (text: string) => async (): Promise<unknown> =>
    openpgp.encrypt({
      message: await openpgp.createMessage({ binary: new TextEncoder().encode(text) }),
      encryptionKeys: [bareBob.toPublic(), bareAlice.toPublic()],
      signingKeys: bareAlice,
      format: "binary",
    })
  const bareOpen = (binaryMessage: Uint8Array) => async (): Promise<void> => {
    const { signatures } = await openpgp.decrypt({
      message: await openpgp.readMessage({ binaryMessage }),
      decryptionKeys: bareBob,
      verificationKeys: bareAlice.toPublic(),
      format: "binary",
    })
    await signatures[0]?.verified
  }
  const groups = await Promise.all(
    [
      { text: TEXT, size: `${TEXT.length} bytes` },
      { text: LONG_TEXT, size: "64 KiB" },
    ].map(async ({ text, size }): Promise<Group[]> => {
      const stanza = await sealText(text)
      const bytes = openpgpBytesOf(stanza) ?? new Uint8Array()
      const xml = serializeXml(stanza)
      return [
        {
          group: `seal, ${size}`,
          cases: [
            { name: "OpenPGP.js alone", run: bareSeal(text) },
            { name: "message.seal", run: () => sealText(text) },
          ],
        },
        {
          group: `open, ${size}`,
          cases: [
            { name: "OpenPGP.js alone", run: bareOpen(bytes) },
            { name: "message.open", run: () => openStanza(stanza) },
          ],
        },
        { group: `read XML, ${xml.length} bytes`, cases: [{ name: "parseXml", run: () => parseXml(xml) }] },
        { group: `write XML, ${xml.length} bytes`, cases: [{ name: "serializeXml", run: () => serializeXml(stanza) }] },
      ]
    }),
  )
  return groups.flat()
}
