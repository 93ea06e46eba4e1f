import { createBot, type KeyEvent, silentLogger } from "@aurochs/bot"
import { type BareJid, bareJid } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { debianPrograms } from "@aurochs/debian-programs"
import { pepDirectory } from "@aurochs/keys"
import { memoryStorage } from "@aurochs/storage"
import { xmpp } from "@aurochs/xmpp"
import { afterAll, describe, expect, test } from "vitest"
import { ejabberdPrograms, startEjabberd } from "../rig/ejabberd.ts"
import { needs } from "../rig/needs.ts"
import { eventually } from "../rig/processes.ts"
import { PROSODY_PACKAGES, startProsody } from "../rig/prosody.ts"
import { trustServer } from "../rig/trust-server.ts"
import { makeKey } from "./people.ts"

const USERS = ["alice", "bot"]
const provider = openpgpjs()
const alice: BareJid = bareJid("alice@ox.test")

const prosody = needs({
  name: "prosody",
  programs: () => debianPrograms(PROSODY_PACKAGES),
  async start(programs, folder) {
    const server = await startProsody({ folder, programs, users: USERS })
    trustServer(server)
    return server
  },
})
const ejabberd = needs({
  name: "ejabberd",
  programs: ejabberdPrograms,
  start: (programs, folder) => startEjabberd(programs, folder, USERS),
})

const stop = new AbortController()
const running: Promise<unknown>[] = []
afterAll(async () => {
  stop.abort()
  await Promise.allSettled(running)
})

describe.each([
  ["Prosody", () => prosody.it.service],
  ["ejabberd", () => ejabberd.it.service],
] as const)("on %s", (_, service) => {
  test("R35: a bot hears of new keys and of a revocation of somebody whose presence it does not have, within seconds", async () => {
    const connect = (user: string) => xmpp({ jid: `${user}@ox.test`, password: `pw-${user}`, service: service() })
    await using client = connect("alice")
    const stay = async () => {
      for await (const _session of client.sessions({ signal: stop.signal }));
    }
    running.push(stay().catch(() => {}))
    const hers = pepDirectory({ transport: client, provider })
    const [first, second] = [await makeKey(provider, alice), await makeKey(provider, alice)]
    await hers.publish(first.small)

    const events: KeyEvent[] = []
    const leaving = new AbortController()
    const storage = { ...memoryStorage(), durable: true }
    const bot = createBot({ transport: connect("bot"), provider, storage, log: silentLogger() })
    bot.onKeys((event) => events.push(event))
    const over = bot.run({ signal: AbortSignal.any([leaving.signal, stop.signal]) })
    running.push(over.catch(() => {}))
    await bot.send(alice, "hello")
    const seen = (kind: KeyEvent["kind"], of: { readonly fingerprint: string }) =>
      eventually(`${kind} ${of.fingerprint}`, () =>
        events.find((event) => event.kind === kind && event.fingerprint === of.fingerprint),
      )
    await seen("key-new", first.info)
    await eventually("it was sent", async () => ((await bot.status()).waiting === 0 ? true : undefined))
    await hers.publish(second.small)
    await seen("key-new", second.info)
    const revoked = await provider.lifecycle?.revoke(second.key, { now: new Date(), reason: "compromised" })
    await hers.publish(await provider.inspect(revoked?.bytes ?? new Uint8Array()))
    await seen("key-revoked", second.info)
    expect(events.filter(({ kind }) => kind === "key-gone")).toEqual([])
    leaving.abort()
    await over
  })
})
