import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { bareJid, type Certificate, cryptoRandom, type Fingerprint, type KnownKey, systemClock } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { pepDirectory, pinned, prepareOwnKey, trustElement } from "@aurochs/keys"
import { type Incoming, open, openpgpBytesOf, seal } from "@aurochs/message"
import { postgresStorage } from "@aurochs/storage-postgres"
import { xmpp } from "@aurochs/xmpp"
import * as pgp from "openpgp"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { secretsIn } from "../../scripts/secrets-in.ts"
import { type DebianPostgres, startDebianPostgres } from "../rig/debian-postgres.ts"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { incident, type NotifyBot, notifyBotOn } from "../rig/notify-bot.ts"
import { eventually } from "../rig/processes.ts"
import { type Prosody, startProsody } from "../rig/prosody.ts"
import { trustServer } from "../rig/trust-server.ts"
import { makeKey } from "./people.ts"

const provider = openpgpjs()
const alice = bareJid("alice@ox.test")
const botJid = bareJid("bot@ox.test")
const stop = new AbortController()

let folder: string
let prosody: Prosody
let postgres: DebianPostgres
let bot: NotifyBot
let client: ReturnType<typeof xmpp>
const heard: Incoming[] = []
const sealed: Uint8Array[] = []
const made: Awaited<ReturnType<typeof makeKey>>[] = []

/** Alice's client: it believes whatever key the bot announces. */
async function listen(keys: readonly SecretKey[]): Promise<void> {
  const directory = pepDirectory({ transport: client, provider })
  for await (const delivery of client.messages({ signal: stop.signal })) {
    delivery.kept()
    const known: KnownKey[] = []
    for await (const found of directory.lookup({ owner: botJid })) {
      if (!("bytes" in found)) continue
      const { fingerprint } = await provider.inspect(found.bytes)
      const base = { owner: botJid, fingerprint, bytes: found.bytes, firstSeen: new Date(0), source: "pep" }
      known.push({ ...base, binds: "account", announced: true, approval: "none" })
    }
    const trust = pinned(known.map((key) => key.fingerprint))
    const o = { account: alice, provider, decryptWith: keys, keysOf: known, trust, now: new Date() }
    const message = await open(delivery, o)
    if (message === undefined) continue
    sealed.push(openpgpBytesOf(delivery.stanza) ?? new Uint8Array())
    heard.push(message)
  }
}

/** Who is in each other's roster hears of each other's keys at once (XEP-0163 §4.3). */
async function befriend(...users: readonly [string, string]): Promise<void> {
  const rosters = join(folder, "data", "ox%2etest", "roster")
  await mkdir(rosters, { recursive: true })
  for (const [one, other] of [users, users.toReversed()]) {
    const item = `["${other}@ox.test"] = { ["subscription"] = "both"; ["groups"] = {}; };`
    await writeFile(join(rosters, `${one}.dat`), `return { ${item} [false] = { ["version"] = 1; }; };\n`)
  }
}

beforeAll(async () => {
  folder = await temporaryFolder("notify-keys")
  ;[prosody, postgres] = await Promise.all([startProsody({ folder, users: ["alice", "bot"] }), startDebianPostgres()])
  trustServer(prosody)
  await befriend("alice", "bot")
  made.push(await makeKey(provider, alice), await makeKey(provider, alice))
  client = xmpp({ jid: alice, password: "pw-alice", service: prosody.service })
  const online = async () => {
    for await (const _ of client.sessions({ signal: stop.signal }));
  }
  online().catch(() => {})
  await pepDirectory({ transport: client, provider }).publish((made[0] as (typeof made)[0]).small)
  listen(made.map(({ key }) => key)).catch(() => {})
  const overrides = { key: { passphrase: "wherefore art thou" }, trust: { messages: true } }
  bot = await notifyBotOn(prosody, { folder, user: "bot", recipients: ["alice"], databaseUrl: postgres.url, overrides })
  expect((await bot.command("migrate")).code).toBe(0)
  await bot.start()
}, 180_000)
afterAll(async () => {
  stop.abort()
  await bot?.stop()
  await client?.[Symbol.asyncDispose]()
  await prosody?.stop()
  await postgres?.remove()
  await removeFolder(folder)
})

const json = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

async function alert(name: string): Promise<Extract<Incoming, { kind: "secure" }>> {
  await bot.post(incident(name))
  return eventually(`the alert ${name}`, () => {
    const found = heard.find((one) => one.kind === "secure" && one.body?.includes(name))
    return found?.kind === "secure" ? found : undefined
  })
}

const opens = async (key: SecretKey, bytes: Uint8Array | undefined) =>
  provider.open(bytes ?? new Uint8Array(), { decryptWith: [key], verifyWith: [] }).then(
    () => true,
    () => false,
  )

describe("the operator of aurochs-notify", { timeout: 180_000 }, () => {
  const [first, second] = [0, 1].map((i) => () => made[i] as (typeof made)[0]) as [
    () => (typeof made)[0],
    () => (typeof made)[0],
  ]

  it("A5: a new key that nobody vouches for: told to the operator and once to the recipient; sending goes on", async () => {
    await alert("Before")
    await pepDirectory({ transport: client, provider }).publish(second().small)
    const notice = await eventually("the notice", () =>
      heard.find((one) => one.kind === "secure" && one.body?.includes("Your account announces a new key")),
    )
    expect(notice).toMatchObject({ kind: "secure" })
    await bot.process().waitFor(/"msg":"a contact has a new key that nobody vouches for/)
    await alert("After")
    expect([await opens(first().key, sealed.at(-1)), await opens(second().key, sealed.at(-1))]).toEqual([true, false])
    const listed = json((await bot.command("contact", "list", alice, "--json")).stdout)
    expect(listed).toMatchObject([
      { fingerprint: first().info.fingerprint, decision: { level: "first-use" } },
      { fingerprint: second().info.fingerprint, decision: { use: "never", level: "quarantined" } },
    ])
  })

  it("R54: approved by a command while the service runs, it is used from the next alert on", async () => {
    expect((await bot.command("contact", "trust", alice, second().info.fingerprint)).code).toBe(0)
    await alert("Approved")
    expect([await opens(first().key, sealed.at(-1)), await opens(second().key, sealed.at(-1))]).toEqual([true, true])
  })

  it("XEP-0450: with trust.messages the word of an approved key about its owner's other key counts", async () => {
    const own: Certificate[] = []
    for await (const found of pepDirectory({ transport: client, provider }).lookup({ owner: botJid })) {
      if ("bytes" in found) own.push(await provider.inspect(found.bytes))
    }
    const word = { owner: alice, fingerprint: first().info.fingerprint, says: "trust" } as const
    const at = { from: alice, to: botJid, toKeys: own, provider, now: new Date(), random: cryptoRandom() }
    await client.send(await seal([trustElement([word])], { ...at, signWith: second().key }))
    await bot.process().waitFor(/"msg":"a trust message was applied"/, 30_000)
    const listed = json((await bot.command("contact", "list", alice, "--json")).stdout)
    expect(listed).toContainEqual(
      expect.objectContaining({ fingerprint: first().info.fingerprint, approval: "verified" }),
    )
  })

  it("A21: rotated and revoked by commands while the service runs; the archive still opens, under which key it says", async () => {
    const before = await alert("Rotating")
    const [rotated] = json((await bot.command("key", "rotate", "--json")).stdout)
    expect(rotated?.from).toBe(before.signedBy)
    await bot.process().waitFor(/another own key is in use/, 30_000)
    expect((await alert("Rotated")).signedBy).toBe(rotated?.to as Fingerprint)
    expect((await bot.command("key", "revoke", rotated?.from as string, "--reason", "superseded")).code).toBe(0)
    expect((await alert("Revoked")).signedBy).toBe(rotated?.to as Fingerprint)

    const [found] = json((await bot.command("archive", "search", "Rotating", "--json")).stdout)
    const shown = await bot.command("archive", "show", found?.id as string, "--json")
    expect([shown.code, json(shown.stdout)[0]]).toMatchObject([
      0,
      {
        now: "secure",
        signer: { fingerprint: rotated?.from, state: "revoked", decision: { use: "verify-only", because: "revoked" } },
        openedWith: { fingerprint: rotated?.from, state: "revoked" },
      },
    ])
  })

  it("revocation certificates are in no dump of the database, and a command takes one out and another uses it", async () => {
    const [found] = json((await bot.command("key", "status", "--json")).stdout)
    const { keys } = found as { keys: readonly { fingerprint: Fingerprint; current: boolean }[] }
    const current = keys.find((key) => key.current)?.fingerprint as Fingerprint
    const file = join(folder, "revocation.pgp")
    expect((await bot.command("key", "revocation", current, file)).code).toBe(0)
    const certificate = await readFile(file)
    const dump = await postgres.dump()
    expect(dump).not.toContain(certificate.toString("hex"))
    expect(dump).not.toContain("own-key/revocation")
    expect((await bot.command("key", "revocation", current, file)).code).toBe(2)
    expect((await bot.command("key", "revoke", current, "--certificate", file, "--reason", "superseded")).code).toBe(2)
    expect((await bot.command("key", "revoke", current, "--certificate", bot.configFile)).code).not.toBe(0)
    expect((await bot.command("key", "revoke", current, "--certificate", file)).code).toBe(0)
    const announced = await Array.fromAsync(
      pepDirectory({ transport: client, provider }).lookup({ owner: botJid, fingerprint: current }),
    )
    const infos = await Promise.all(announced.map((one) => ("bytes" in one ? provider.inspect(one.bytes) : undefined)))
    expect(infos).toMatchObject([{ fingerprint: current, revokedAt: expect.any(Date) }])
  })

  it("the passphrase, secret keys and passwords are in no log, and in no dump of the database", async () => {
    const output = bot.process().output()
    expect(output).toContain('"msg":"listening"')
    expect(secretsIn(output)).toEqual([])
    const dump = await postgres.dump()
    expect(dump).toContain("aurochs")
    expect(secretsIn(dump)).toEqual([])
  })

  it("a bot that keeps its key in Postgres keeps it encrypted there", async () => {
    await using storage = await postgresStorage({ url: postgres.url, namespace: "at-rest" })
    const { secrets, state } = storage
    const clock = systemClock()
    const directory = { name: "none", async *lookup() {}, async publish() {} }
    const o = { account: alice, provider, secrets, state, clock, directory, durable: storage.durable }
    const passphrase = () => new TextEncoder().encode("star-crossed")
    await using own = await prepareOwnKey({ ...o, passphrase })
    const [stored] = await secrets.load(alice)
    await expect(provider.importSecret(stored ?? new Uint8Array())).rejects.toMatchObject({ code: "KEY_LOCKED" })
    const plain = (await provider.secrets?.export(own.current, { passphrase: "none" })) ?? new Uint8Array()
    const dump = await postgres.dump()
    expect(dump).toContain(Buffer.from(stored ?? []).toString("hex"))
    const packets = (await pgp.readPrivateKey({ binaryKey: plain })).getKeys().map(({ keyPacket }) => keyPacket)
    const scalars = packets.flatMap((packet) => Object.values((packet as pgp.SecretKeyPacket).privateParams ?? {}))
    expect(scalars).toHaveLength(2)
    for (const scalar of scalars) {
      expect(Buffer.from(plain).includes(Buffer.from(scalar as Uint8Array))).toBe(true)
      expect(dump.includes(Buffer.from(scalar as Uint8Array).toString("hex"))).toBe(false)
    }
    expect(secretsIn(dump)).toEqual([])
  })
})
