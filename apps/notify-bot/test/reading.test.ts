import { bareJid, cryptoRandom } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openpgpBytesOf, seal, textBody } from "@aurochs/message"
import { type ArchiveEntry, type EntryVerdict, memoryStorage } from "@aurochs/storage"
import { describe, expect, it } from "vitest"
import { archiveReader } from "../src/reading.ts"

const [bot, alice] = [bareJid("bot@example.org"), bareJid("alice@example.org")]
const now = new Date("2026-11-23T03:00:00Z")
const provider = openpgpjs()

async function key(userId: string): Promise<SecretKey> {
  return (await provider.generate({ userId }, { now })).key
}

describe("the archive's reader", () => {
  it("A2: a replay opens again as a replay, though its signature is as good as the first one's", async () => {
    const { secrets } = provider
    if (secrets === undefined) throw new Error("its keys cannot be taken out")
    const storage = memoryStorage()
    const [own, hers] = [await key(`xmpp:${bot}`), await key(`xmpp:${alice}`)]
    await storage.secrets.save(bot, await secrets.export(own, { passphrase: "none" }))
    await storage.keys.put({
      ...hers.certificate,
      owner: alice,
      firstSeen: now,
      source: "pep",
      binds: "account",
      announced: true,
      approval: "none",
    })
    const stanza = await seal([textBody("reboot now")], {
      from: alice,
      to: bot,
      toKeys: [own.certificate],
      signWith: hers,
      provider,
      now,
      random: cryptoRandom(),
    })
    const config = { jid: bot, storage: { folder: "." }, key: { create: false }, recipients: [] }
    const reader = await archiveReader(config, storage)
    const read = async (verdict: EntryVerdict) => {
      const carried = { ...stanza, attributes: { ...stanza.attributes, from: `${alice}/phone` } }
      const entry = { account: bot, peer: alice, direction: "in", stanza: carried, via: "live", storedAt: now } as const
      const openpgp = openpgpBytesOf(stanza)
      return reader.read({ ...entry, openpgp, verdict, id: "1", handled: true } as ArchiveEntry)
    }
    expect(await read({ outcome: "secure" })).toMatchObject({ kind: "secure", body: "reboot now" })
    const replay = await read({ outcome: "rejected", reason: "replay" })
    expect(replay).toMatchObject({ kind: "rejected", check: "replay" })
    expect(JSON.stringify(replay)).not.toContain("reboot now")
  })
})
