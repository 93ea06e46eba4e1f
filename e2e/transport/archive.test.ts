import { join } from "node:path"
import { fileStorage } from "@aurochs/storage"
import type { XmppOptions } from "@aurochs/xmpp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { eventually } from "../rig/processes.ts"
import { type Prosody, startProsody } from "../rig/prosody.ts"
import { startProxy } from "../rig/proxy.ts"
import { accountOf, chat, online, overTls, type Person } from "./person.ts"

let folder: string
let prosody: Prosody
let users = 0

beforeAll(async () => {
  folder = await temporaryFolder("transport")
  prosody = await startProsody({ folder, users: ["romeo"] })
}, 180_000)

afterAll(async () => {
  await prosody?.stop()
  await removeFolder(folder)
})

/** An account whose archive position is in a file: each `start()` is another process, as far as that goes. */
async function restartable() {
  const user = `user${++users}`
  await prosody.register(user)
  const files = join(folder, `state-of-${user}`)
  return {
    user,
    jid: `${user}@ox.test`,
    async start(options: Partial<XmppOptions> = {}, keep?: (body: string) => boolean) {
      const storage = await fileStorage(files)
      const state = storage.state
      const person = await online({ ...accountOf(user), ...(await overTls(prosody)), state, ...options }, keep)
      return {
        ...person,
        async [Symbol.asyncDispose]() {
          await person[Symbol.asyncDispose]()
          await storage[Symbol.asyncDispose]()
        },
      }
    },
  }
}

async function romeoSays(romeo: Person, to: string, ...bodies: string[]): Promise<void> {
  for (const body of bodies) await romeo.transport.send(chat(to, body))
}

const romeoOnline = async () => online({ ...accountOf("romeo"), ...(await overTls(prosody)) })

describe("after the server was restarted", () => {
  test("there is a new session, and what was missed comes from the archive exactly once", async () => {
    const juliet = await restartable()
    const proxy = await startProxy(prosody.port)
    await using romeo = await romeoOnline()
    {
      await using first = await juliet.start({ service: `xmpp://127.0.0.1:${proxy.port}` })
      await romeoSays(romeo, juliet.jid, "before")
      await first.hears("live", "before")
      proxy.refuse(true)
      await prosody.restart()
      await eventually("romeo is back", () => romeo.sessions.length === 2 || undefined)
      const missed = Array.from({ length: 60 }, (_, at) => `missed ${at}`)
      await Promise.all(missed.map((body) => romeo.transport.send(chat(juliet.jid, body))))
      proxy.refuse(false)
      await first.caughtUp(2)
      await romeoSays(romeo, juliet.jid, "after")
      await first.hears("live", "after")
      expect(first.heard()).toEqual(["live before", ...missed.map((body) => `mam ${body}`), "live after"])
      expect(first.sessions.map(({ resumed }) => resumed)).toEqual([false, false])
      expect(first.events).toContainEqual({ kind: "caught-up", messages: 60 })
    }
    await romeoSays(romeo, juliet.jid, "while away 1", "while away 2")
    await using second = await juliet.start()
    await romeoSays(romeo, juliet.jid, "now")
    await second.hears("live", "now")
    expect(second.heard()).toEqual(["mam while away 1", "mam while away 2", "live now"])
    const [stamp] = second.taken.map(({ stampedAt }) => stampedAt)
    expect(Math.abs(Date.now() - (stamp?.getTime() ?? 0))).toBeLessThan(60_000)
    await proxy.stop()
  })

  test("what was sent and not acknowledged is rejected with NETWORK, not sent twice (X5)", async () => {
    const juliet = await restartable()
    const proxy = await startProxy(prosody.port)
    await using person = await juliet.start({ service: `xmpp://127.0.0.1:${proxy.port}` })
    proxy.stall()
    const owed = person.transport.send(chat("romeo@ox.test", "owed"))
    const rejected = expect(owed).rejects.toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
    proxy.refuse(true)
    proxy.cut()
    await prosody.restart()
    proxy.refuse(false)
    await rejected
    await person.caughtUp(2)
    await using romeo = await romeoOnline()
    await person.transport.send(chat("romeo@ox.test", "anew"))
    expect(await romeo.hears("live", "anew")).toEqual(["live anew"])
    await proxy.stop()
  })
})

describe("a message that was not kept (X9)", () => {
  test.each(["crashed", "stopped in order"])(
    "is delivered again to the next process after this one %s",
    async (how) => {
      const juliet = await restartable()
      await using romeo = await romeoOnline()
      const proxy = await startProxy(prosody.port)
      {
        const keep = (body: string) => body !== "two"
        await using first = await juliet.start({ service: `xmpp://127.0.0.1:${proxy.port}` }, keep)
        await romeoSays(romeo, juliet.jid, "one", "two", "three")
        await first.hears("live", "three")
        if (how === "crashed") {
          proxy.refuse(true)
          proxy.cut()
        }
      }
      await using second = await juliet.start()
      await romeoSays(romeo, juliet.jid, "four")
      await second.hears("live", "four")
      // "three" was kept, but stands behind one that was not.
      expect(second.heard()).toEqual(["mam two", "mam three", "live four"])
      expect(romeo.taken.filter(({ stanza }) => stanza.attributes.type === "error")).toEqual([])
      await proxy.stop()
    },
  )

  test("is not acknowledged to the server, which delivers it over the resumed session only to those who have not got it", async () => {
    const juliet = await restartable()
    await using romeo = await romeoOnline()
    const proxy = await startProxy(prosody.port)
    await using person = await juliet.start({ service: `xmpp://127.0.0.1:${proxy.port}` }, (body) => body !== "one")
    await romeoSays(romeo, juliet.jid, "one", "two")
    await person.hears("live", "two")
    const start = (await prosody.log()).length
    proxy.cut()
    await eventually("the session is resumed", () => person.sessions.length === 2 || undefined)
    await romeoSays(romeo, juliet.jid, "three")
    await person.hears("live", "three")
    expect(person.heard()).toEqual(["live one", "live two", "live three"])
    const resent = (await prosody.log()).slice(start).match(/SEND: <message .*?<body>(one|two)<\/body>/g)
    expect(resent).toHaveLength(2)
    await proxy.stop()
  })
})

describe("what another client of the account sends (XEP-0280)", () => {
  test("comes as carbon-sent, and never again from the archive: not now, not in a new session, not in a new process", async () => {
    const juliet = await restartable()
    await using romeo = await romeoOnline()
    const proxy = await startProxy(prosody.port)
    await using phone = await online({ ...accountOf(`${juliet.user}/phone`), ...(await overTls(prosody)) })
    {
      await using first = await juliet.start({ service: `xmpp://127.0.0.1:${proxy.port}` })
      await phone.transport.send(chat("romeo@ox.test", "from the phone"))
      expect(await first.hears("carbon-sent", "from the phone")).toHaveLength(1)
      const [carbon] = first.taken
      expect(carbon?.stanza.attributes).toMatchObject({ from: `${juliet.jid}/phone`, to: "romeo@ox.test" })
      await romeo.hears("live", "from the phone")
      await romeoSays(romeo, `${juliet.jid}/phone`, "to the phone")
      await first.hears("carbon-received", "to the phone")
      proxy.refuse(true)
      await prosody.restart()
      await eventually("both are back", () => (phone.sessions.length === 2 && romeo.sessions.length === 2) || undefined)
      await phone.transport.send(chat("romeo@ox.test", "missed"))
      proxy.refuse(false)
      await first.caughtUp(2)
      const heard = ["carbon-sent from the phone", "carbon-received to the phone", "mam missed"]
      expect(first.heard()).toEqual(heard)
    }
    await using second = await juliet.start()
    await romeoSays(romeo, juliet.jid, "last")
    expect(await second.hears("live", "last")).toEqual(["live last"])
    await proxy.stop()
  })
})
