import { bareJid, cryptoRandom } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openpgpBytesOf, seal, textBody } from "@aurochs/message"
import { type ArchiveEntry, type EntryVerdict, memoryStorage } from "@aurochs/storage"
import { describe, expect, it } from "vitest"
import { openOwnWorld } from "../src/own-keys.ts"
import { archiveReader } from "../src/reading.ts"

const [bot, alice] = [bareJid("bot@example.org"), bareJid("alice@example.org")]
const now = new Date("2026-11-23T03:00:00Z")
const provider = openpgpjs()
const DAY_MS = 86_400_000

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
    const config = { jid: bot, storage: { folder: "." }, key: { create: false }, recipients: [], sources: [] }
    const { contacts } = await openOwnWorld(config, storage)
    await contacts.put({
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
    const reader = await archiveReader(config, storage)
    const read = async (verdict: EntryVerdict) => {
      const carried = { ...stanza, attributes: { ...stanza.attributes, from: `${alice}/phone` } }
      const entry = { account: bot, peer: alice, direction: "in", stanza: carried, via: "live", storedAt: now } as const
      const openpgp = openpgpBytesOf(stanza)
      return reader.read({ ...entry, openpgp, verdict, id: "1", handled: true } as ArchiveEntry)
    }
    expect((await read({ outcome: "secure" })).message).toMatchObject({ kind: "secure", body: "reboot now" })
    const { message: replay } = await read({ outcome: "rejected", reason: "replay" })
    expect(replay).toMatchObject({ kind: "rejected", check: "replay" })
    expect(JSON.stringify(replay)).not.toContain("reboot now")
  })

  it("A21: after rotation, expiry and revocation an old message opens, and says what is known of its keys now", async () => {
    const { secrets, lifecycle } = provider
    if (secrets === undefined || lifecycle?.adopt === undefined) throw new Error("this engine changes no keys")
    const then = new Date(Date.now() - 40 * DAY_MS)
    const storage = memoryStorage()
    const make = async (userId: string, expiresInMs?: number) =>
      (await provider.generate({ userId, expiresInMs }, { now: then })).key
    const [own, hers, young] = [
      await make(`xmpp:${bot}`),
      await make(`xmpp:${alice}`, 30 * DAY_MS),
      await make(`xmpp:${bot}`),
    ]
    const stanza = await seal([textBody("the bridge is closed")], {
      from: alice,
      to: bot,
      toKeys: [own.certificate],
      signWith: hers,
      provider,
      now: then,
      random: cryptoRandom(),
    })
    const revokedAt = new Date(Date.now() - 5 * DAY_MS)
    const revoked = await lifecycle.revoke(own, { reason: "superseded", now: revokedAt })
    const old = await lifecycle.adopt(own, revoked.bytes)
    for (const key of [own, young, old])
      await storage.secrets.save(bot, await secrets.export(key, { passphrase: "none" }))
    const base = { owner: alice, firstSeen: then, source: "pep", announced: true } as const
    const config = { jid: bot, storage: { folder: "." }, key: { create: false }, recipients: [], sources: [] }
    const { contacts } = await openOwnWorld(config, storage)
    await contacts.put({ ...hers.certificate, ...base, binds: "account", approval: "none" })

    const reader = await archiveReader(config, storage)
    const entry = { account: bot, peer: alice, direction: "in", stanza, via: "live", storedAt: then } as const
    const openpgp = openpgpBytesOf(stanza)
    const verdict = { outcome: "secure" } as const
    const read = await reader.read({ ...entry, openpgp, verdict, id: "1", handled: true } as ArchiveEntry)
    expect(read.message).toMatchObject({ kind: "secure", body: "the bridge is closed" })
    expect(read.openedWith).toMatchObject({ fingerprint: own.certificate.fingerprint, state: "revoked" })
    expect(read.openedWith?.since?.getTime()).toBe(Math.floor(revokedAt.getTime() / 1000) * 1000)
    expect(read.signer).toMatchObject({
      fingerprint: hers.certificate.fingerprint,
      state: "expired",
      decision: { use: "verify-only", because: "expired" },
    })
  })
})
