import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { alertmanagerPayload } from "./demo/payload.ts"
import { type DebianPostgres, startDebianPostgres } from "./rig/debian-postgres.ts"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { goSendxmpp } from "./rig/gosendxmpp.ts"
import { incident, type NotifyBot, notifyBotOn, queueOf as queue } from "./rig/notify-bot.ts"
import { eventually } from "./rig/processes.ts"
import { type Prosody, startProsody } from "./rig/prosody.ts"

let folder: string
let prosody: Prosody
let postgres: DebianPostgres
const USERS = ["bot", "alice", "carol", "dora"]

beforeAll(async () => {
  folder = await temporaryFolder("notify")
  prosody = await startProsody({ folder, users: USERS })
  postgres = await startDebianPostgres()
}, 180_000)

afterAll(async () => {
  await prosody?.stop()
  await postgres?.remove()
  await removeFolder(folder)
})

const account = (user: string) =>
  goSendxmpp({ folder, server: `127.0.0.1:${prosody.port}`, jid: `${user}@${prosody.domain}`, password: `pw-${user}` })

/** A text as it may stand in a dump: itself, in hex, or inside of Base64 at each of the three alignments. */
function formsOf(text: string): string[] {
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString("base64")
    // The characters at both ends depend on the neighbours, too.
    return encoded.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + Buffer.byteLength(text)) * 8) / 6))
  })
  return [text, Buffer.from(text).toString("hex"), ...base64]
}

describe("aurochs-notify on a Postgres of the operator's own", () => {
  let bot: NotifyBot
  beforeAll(async () => {
    bot = await notifyBotOn(prosody, { folder, user: "bot", recipients: ["alice", "carol"], databaseUrl: postgres.url })
  })
  afterAll(() => bot?.stop())

  it("refuses to start before the migrations, in one message with what to do", async () => {
    const { code, stderr } = await bot.command("serve")
    expect(code).toBe(2)
    expect(stderr.trim().split("\n")).toHaveLength(1)
    expect(stderr).toContain("migrate")
    expect((await bot.command("migrate")).stdout).toContain("applied")
    for (const user of ["alice", "carol"]) await (await account(user)).generateKey()
    await bot.start()
  })

  it("I4, R3: go-sendxmpp decrypts the alert, and neither the server nor a pg_dump ever holds its text", async () => {
    const alice = await account("alice")
    const listener = alice.listen()
    expect((await bot.post(incident("Waiting"))).status).toBe(200)
    expect((await bot.post(alertmanagerPayload)).status).toBe(200)
    await listener.waitFor(/\[OX\].*DiskAlmostFull[\s\S]*4 % of \/var\/lib\/postgresql is left/)
    await listener.stop()
    for (const text of ["4 % of", "DiskAlmostFull", "summary of Waiting"]) {
      expect((await prosody.log()).includes(text)).toBe(false)
      const dump = await postgres.dump()
      expect(dump).toContain("aurochs")
      for (const form of formsOf(text)) expect(dump.includes(form)).toBe(false)
    }
  })

  it("sends a repeated notification once", async () => {
    const before = (await prosody.openpgpMessages()).length
    expect((await bot.post(alertmanagerPayload)).status).toBe(200)
    expect((await bot.post(incident("After")))?.status).toBe(200)
    await eventually("the next alert has left", async () =>
      (await prosody.openpgpMessages()).length >= before + 2 ? true : undefined,
    )
    expect(await queue(bot)).toEqual([])
    expect((await prosody.openpgpMessages()).length).toBe(before + 2)
  })

  it("kill -9 between 2xx and sending loses nothing, and nothing waits in plaintext", async () => {
    await prosody.stop()
    expect((await bot.post(incident("Killed"))).status).toBe(200)
    await bot.stop("SIGKILL")
    const dump = await postgres.dump()
    expect(dump.includes("summary of Killed") || dump.includes(Buffer.from("summary of Killed").toString("hex"))).toBe(
      false,
    )
    await prosody.restart()
    const alice = await account("alice")
    const listener = alice.listen()
    await bot.start()
    await listener.waitFor(/summary of Killed/, 60_000)
    await listener.stop()
  }, 120_000)

  it("a server that is away: alerts wait in order and leave by themselves when it is back", async () => {
    await prosody.stop()
    // Also for a service that starts while the server is away.
    await bot.stop()
    await bot.start()
    for (const name of ["First", "Second", "Third"]) expect((await bot.post(incident(name))).status).toBe(200)
    await prosody.restart()
    const alice = await account("alice")
    const listener = alice.listen()
    await listener.waitFor(/summary of Third/, 90_000)
    await listener.stop()
    const seen = [...listener.output().matchAll(/summary of (First|Second|Third)/g)].map((match) => match[1])
    expect(seen).toEqual(["First", "Second", "Third"])
  }, 120_000)

  it("database away: 503, nothing half-accepted, and it goes on when the database is back", async () => {
    await postgres.stop()
    expect((await bot.post(incident("Lost"))).status).toBe(503)
    expect((await fetch(`${bot.url}/healthz`)).status).toBe(503)
    await postgres.restart()
    const response = await eventually("the bot accepts again", async () => {
      const answer = await bot.post(incident("Back"))
      return answer.status === 200 ? answer : undefined
    })
    expect(await response.json()).toEqual({ queued: 2 })
    await eventually("it has left", async () => ((await queue(bot)).length === 0 ? true : undefined))
    const { stdout } = await bot.command("archive", "search", "summary of", "--json", "--limit", "500")
    expect(stdout).toContain("summary of Back")
    expect(stdout).not.toContain("summary of Lost")
  }, 60_000)

  it("the owner lists, searches and reads the archive, with the key only", async () => {
    const { stdout } = await bot.command(
      "archive",
      "search",
      "summary of first",
      "--peer",
      `alice@${prosody.domain}`,
      "--json",
    )
    const found = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string; body: string; outcome: string })
    expect(found).toHaveLength(1)
    const shown = await bot.command("archive", "show", found[0]?.id ?? "", "--json")
    expect(JSON.parse(shown.stdout)).toMatchObject({
      direction: "out",
      now: "secure",
      body: expect.stringContaining("summary of First"),
    })
    expect((await bot.command("archive", "list")).stdout).not.toContain("summary of")
  })

  it("one clear message for a wrong password, no stack trace", async () => {
    const wrong = await notifyBotOn(prosody, {
      folder: join(folder, "wrong"),
      user: "dora",
      recipients: ["alice"],
      databaseUrl: postgres.url,
      password: "no",
    })
    const { code, stderr } = await wrong.command("serve")
    expect(code).toBe(5)
    expect(stderr.trim().split("\n")).toHaveLength(1)
    expect(stderr).toMatch(/password/)
  })
})
