// `npm run demo -- --story rotation`: two bots talk without a pause, one of them changes keys, and revokes the old one.
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { type Bot, type Context, createBot, type KeyEvent, silentLogger } from "@aurochs/bot"
import { type BareJid, bareJid, type Fingerprint, formatFingerprint, systemClock, type Transport } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { loadOwnKeys, pepDirectory, revokeKey, tofu } from "@aurochs/keys"
import { openpgpBytesOf } from "@aurochs/message"
import { fileStorage, type Storage } from "@aurochs/storage"
import { xmpp } from "@aurochs/xmpp"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { eventually } from "../rig/processes.ts"
import { type Prosody, startProsody } from "../rig/prosody.ts"
import { trustServer } from "../rig/trust-server.ts"
import { quote, say, step } from "./telling.ts"

type Cleanups = (() => Promise<unknown>)[]

/** Milliseconds between two lines of the talk. */
const PAUSE_MS = 400
/** Lines in each part of the story. */
const LINES = 8

interface Side {
  readonly jid: BareJid
  readonly bot: Bot<Context>
  readonly storage: Storage
  readonly transport: Transport
  /** Bodies by the key that signed them, in order of arrival. */
  readonly heard: { readonly body: string; readonly signedBy: Fingerprint; readonly level: string }[]
  readonly events: KeyEvent[]
}

/** Tells the story; whatever it starts is in `cleanups`. */
export async function rotationStory(cleanups: Cleanups): Promise<void> {
  const folder = await temporaryFolder("rotation")
  cleanups.push(() => removeFolder(folder))
  const prosody = await step("Starting Prosody with two accounts", startProsody({ folder, users: ["alice", "bob"] }))
  cleanups.push(() => prosody.stop())
  trustServer(prosody)
  const [alice, bob] = await step(
    "Two bots make their keys and announce them",
    Promise.all([side("alice", folder, prosody, cleanups), side("bob", folder, prosody, cleanups)]),
  )
  const talk = startTalk(alice, bob)
  await step(`They say ${LINES} lines each`, talk.until(LINES))
  const rotated = await step("Alice makes a new key while they talk, signed by the old one", alice.bot.rotateKey())
  say(`  old ${formatFingerprint(rotated.from)}`)
  say(`  new ${formatFingerprint(rotated.to)}`)
  await step("They go on", talk.until(2 * LINES))
  const { secrets, state, audit } = alice.storage
  const [provider, clock] = [openpgpjs(), systemClock()]
  const directory = pepDirectory({ transport: alice.transport, provider, clock })
  const life = { account: alice.jid, provider, secrets, state, audit, clock, directory }
  await step(
    "Alice revokes the old key: superseded",
    revokeKey({ ...life, fingerprint: rotated.from, reason: "superseded" }),
  )
  await step("They go on", talk.until(3 * LINES))
  const said = await talk.stop()
  await step("Waiting until everything was verified", everythingArrived(alice, bob, said))

  const by = (print: Fingerprint) => bob.heard.filter(({ signedBy }) => signedBy === print).length
  say(
    `  Bob verified ${by(rotated.from)} lines by the old key and ${by(rotated.to)} by the new one: ${bob.heard.length} of ${said}.`,
  )
  say(`  Alice verified ${alice.heard.length} of ${said}. Nothing was lost, nothing came twice.`)
  say("  What Bob's bot told its operator of Alice's keys:")
  quote(
    bob.events
      .filter(({ owner }) => owner === alice.jid)
      .map(eventLine)
      .join("\n"),
  )
  await step("Alice reads her archive again, with every key she has", readArchive(alice, said))
}

async function side(user: string, folder: string, prosody: Prosody, cleanups: Cleanups): Promise<Side> {
  const jid = bareJid(`${user}@${prosody.domain}`)
  const transport = xmpp({ jid, password: `pw-${user}`, service: prosody.service })
  const storage = await fileStorage(join(folder, user))
  const bot = createBot({
    transport,
    storage,
    provider: openpgpjs(),
    trust: tofu(),
    log: silentLogger(),
    maxRepliesPerMinute: 1,
  })
  const heard: Side["heard"] = []
  const events: KeyEvent[] = []
  bot.text(({ message: { body, signedBy, trust } }) => {
    heard.push({ body, signedBy, level: trust.level })
  })
  bot.onKeys((event) => {
    events.push(event)
  })
  const ready = Promise.withResolvers<void>()
  bot.onReady(() => ready.resolve())
  const stop = new AbortController()
  const running = bot.run({ signal: stop.signal })
  running.catch(ready.reject)
  cleanups.push(async () => {
    stop.abort()
    await running
  })
  await ready.promise
  return { jid, bot, storage, transport, heard, events }
}

/** Both say a line again and again, each with its number. */
function startTalk(alice: Side, bob: Side) {
  let said = 0
  let isOver = false
  const talking = (async () => {
    while (!isOver) {
      said += 1
      await Promise.all([alice.bot.send(bob.jid, `alice ${said}`), bob.bot.send(alice.jid, `bob ${said}`)])
      await sleep(PAUSE_MS)
    }
    return said
  })()
  return {
    until: (count: number) => eventually(`${count} lines`, async () => said >= count || undefined),
    stop() {
      isOver = true
      return talking
    },
  }
}

async function everythingArrived(alice: Side, bob: Side, said: number): Promise<void> {
  const complete = ({ heard }: Side) => new Set(heard.map(({ body }) => body)).size === said
  await eventually("every line on both sides", async () => (complete(alice) && complete(bob)) || undefined, 60_000)
  for (const { jid, heard } of [alice, bob]) {
    if (heard.length !== said) throw new Error(`${jid} was given ${heard.length} lines of ${said}`)
  }
}

function eventLine({ kind, fingerprint, decision }: KeyEvent): string {
  const why = decision === undefined ? "" : `: ${decision.use}, ${decision.level}, because ${decision.because}`
  return `${kind} ${formatFingerprint(fingerprint)}${why}`
}

async function readArchive({ jid, storage }: Side, said: number): Promise<void> {
  const provider = openpgpjs()
  const { secrets, state, archive } = storage
  const { keys } = await loadOwnKeys({ account: jid, provider, secrets, state, clock: systemClock() })
  const opened = new Map<string, number>()
  for await (const { stanza } of archive.read({ account: jid, direction: "in" })) {
    const bytes = openpgpBytesOf(stanza)
    if (bytes === undefined) continue
    const { encryptedTo = "an unknown key" } = await provider.open(bytes, { decryptWith: keys, verifyWith: [] })
    opened.set(encryptedTo, (opened.get(encryptedTo) ?? 0) + 1)
  }
  for (const key of keys) await key[Symbol.asyncDispose]()
  const total = [...opened.values()].reduce((sum, one) => sum + one, 0)
  if (total !== said) throw new Error(`the archive opens ${total} of ${said} lines`)
}
