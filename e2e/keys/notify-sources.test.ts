import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { bareJid, type Fingerprint } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { debianPrograms } from "@aurochs/debian-programs"
import { pepDirectory } from "@aurochs/keys"
import { hkpDirectory } from "@aurochs/keys/hkp"
import { openpgpBytesOf } from "@aurochs/message"
import { xmpp } from "@aurochs/xmpp"
import { afterAll, describe, expect, it } from "vitest"
import { needs } from "../rig/needs.ts"
import { nginxPrograms, startNginx } from "../rig/nginx.ts"
import { incident, type NotifyBot, notifyBot, queueOf } from "../rig/notify-bot.ts"
import { eventually } from "../rig/processes.ts"
import { PROSODY_PACKAGES, startProsody } from "../rig/prosody.ts"
import { sksPrograms, startSks } from "../rig/sks.ts"
import { trustServer } from "../rig/trust-server.ts"
import { makeKey } from "./people.ts"

const provider = openpgpjs()
/** Announces a key over PEP; its revocation is at the key server only. */
const alice = bareJid("alice@ox.test")
/** Announces nothing; her key is in the Web Key Directory of her domain. */
const juliet = bareJid("juliet@ox.test")
/** z-base-32 of the SHA-1 of `juliet`. */
const JULIETS_FILE = "qnnn69mkx5pk34x4hur3b6yeh7c3ndkd"

const prosody = needs({
  name: "prosody",
  programs: () => debianPrograms(PROSODY_PACKAGES),
  async start(programs, folder) {
    const server = await startProsody({ folder, programs, users: ["alice", "juliet", "bot"] })
    trustServer(server)
    return server
  },
})
const sks = needs({ name: "sks", programs: sksPrograms, start: startSks })
const web = needs({
  name: "nginx",
  programs: nginxPrograms,
  start: (programs, folder) => startNginx(programs, folder, ["openpgpkey.ox.test"]),
})
const home = needs({
  name: "notify-sources",
  programs: () => debianPrograms({ openssl: "openssl" }),
  start: async (_, folder) => ({ folder, stop: async () => {} }),
})

let bot: NotifyBot | undefined
const stop = new AbortController()
const open: AsyncDisposable[] = []
afterAll(async () => {
  stop.abort()
  await bot?.stop()
  for (const one of open) await one[Symbol.asyncDispose]()
})

const keyServer = (upload = false) =>
  hkpDirectory({ server: sks.it.url, allowPrivate: ["127.0.0.1"], proxy: "none", upload })

/** What the key server has of a key. */
async function atKeyServer(fingerprint: unknown) {
  const owner = bareJid("bot@ox.test")
  for await (const one of keyServer().lookup({ owner, fingerprint: fingerprint as Fingerprint })) {
    if ("bytes" in one) return provider.inspect(one.bytes)
  }
  return undefined
}

function connect(user: string) {
  const transport = xmpp({ jid: `${user}@ox.test`, password: `pw-${user}`, service: prosody.it.service })
  open.push(transport)
  const online = async () => {
    for await (const _ of transport.sessions({ signal: stop.signal }));
  }
  online().catch(() => {})
  return transport
}

const json = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe("aurochs-notify with other sources of keys", { timeout: 180_000 }, () => {
  it("says at the start what each tells to whom; A5: a domain's word for who announces nothing; A21: a revocation found elsewhere", async () => {
    const [hers, his] = [await makeKey(provider, juliet), await makeKey(provider, alice)]
    await pepDirectory({ transport: connect("alice"), provider }).publish(his.small)
    const revoked = await provider.lifecycle?.revoke(his.key, { now: new Date(), reason: "compromised" })
    await keyServer(true).publish?.(await provider.inspect(revoked?.bytes ?? new Uint8Array()))
    const folder = join(web.it.folderOf("openpgpkey.ox.test"), ".well-known/openpgpkey/ox.test/hu")
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, JULIETS_FILE), hers.small.bytes)
    const authorities = [web.it.certificate.caFile, prosody.it.caFile]
    const caFile = join(home.it.folder, "authorities.pem")
    await writeFile(caFile, (await Promise.all(authorities.map((file) => readFile(file, "utf8")))).join("\n"))
    const allowPrivate = ["127.0.0.1"]
    const connectTo = [`openpgpkey.ox.test=127.0.0.1:${web.it.port}`]
    bot = await notifyBot({
      folder: home.it.folder,
      jid: "bot@ox.test",
      password: "pw-bot",
      service: prosody.it.service,
      caFile,
      recipients: [{ jid: alice }, { jid: juliet }],
      overrides: {
        sources: [
          { source: "wkd", use: "bind", allowPrivate, connectTo },
          { source: "hkp", server: sks.it.url, upload: true, allowPrivate },
        ],
      },
    })
    await bot.start()
    const said = json(bot.process().output()).filter(({ msg }) => msg === "contacts are looked up elsewhere too")
    expect(said).toMatchObject([
      {
        level: 40,
        source: "wkd",
        mayBind: true,
        uploads: false,
        notice: expect.stringContaining("learns that somebody"),
      },
      {
        level: 40,
        source: "hkp",
        mayBind: false,
        uploads: true,
        notice: expect.stringContaining("cannot be taken back"),
      },
    ])

    const messages = connect("juliet").messages({ signal: stop.signal })[Symbol.asyncIterator]()
    await bot.post(incident("Elsewhere"))
    const { value } = await messages.next()
    value?.kept()
    const bytes = (value && openpgpBytesOf(value.stanza)) ?? new Uint8Array()
    const opened = await provider.open(bytes, { decryptWith: [hers.key], verifyWith: [] })
    expect(new TextDecoder().decode(opened.plaintext)).toContain("Elsewhere")
    const waiting = await eventually("alice's message waits", async () => {
      const [entry] = (await queueOf(bot as NotifyBot)).filter(({ recipient }) => recipient === alice)
      return entry?.because === undefined ? undefined : entry
    })
    expect(waiting).toMatchObject({ state: "waiting", because: expect.stringContaining("revoked") })
    const listed = json((await bot.command("contact", "list", juliet, "--json")).stdout)
    expect(listed).toMatchObject([{ fingerprint: hers.info.fingerprint, decision: { use: "encrypt+verify" } }])
  })

  it("A21: its own key, the new one after a rotation, and the revocation of the old one go to the key server", async () => {
    if (bot === undefined) throw new Error("the bot is not there")
    const [status] = json((await bot.command("key", "status", "--json")).stdout)
    const [own] = (status as { keys: { fingerprint: Fingerprint }[] }).keys
    expect(await eventually("the first key is there", () => atKeyServer(own?.fingerprint))).toMatchObject({
      userIds: [{ text: "xmpp:bot@ox.test" }],
    })
    const [rotated] = json((await bot.command("key", "rotate", "--json")).stdout)
    expect(rotated).toMatchObject({ from: own?.fingerprint, published: [{ source: "pep" }, { source: "hkp" }] })
    expect((await atKeyServer(rotated?.to))?.revokedAt).toBeUndefined()
    const [revoked] = json(
      (await bot.command("key", "revoke", own?.fingerprint ?? "", "--reason", "superseded", "--json")).stdout,
    )
    expect(revoked?.published).toEqual([{ source: "pep" }, { source: "hkp" }])
    expect((await atKeyServer(own?.fingerprint))?.revokedAt).toBeInstanceOf(Date)
    const { stdout } = await bot.command("key", "status", "--json")
    expect(json(stdout)[0]).toMatchObject({
      keys: [
        { fingerprint: own?.fingerprint, unusable: "revoked", presence: [{ state: "same" }, { source: "hkp" }] },
        { fingerprint: rotated?.to, presence: [{ state: "same" }, { source: "hkp" }] },
      ],
    })
  })
})
