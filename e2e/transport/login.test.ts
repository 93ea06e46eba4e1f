import { join } from "node:path"
import { isAurochsError, type Transport } from "@aurochs/core"
import { debianPrograms } from "@aurochs/debian-programs"
import { type TransportEvent, type XmppOptions, xmpp } from "@aurochs/xmpp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { runOrThrow } from "../rig/processes.ts"
import { PROSODY_PACKAGES, type Prosody, startProsody } from "../rig/prosody.ts"
import { accountOf, chat, online, overTls } from "./person.ts"

let folder: string
let prosody: Prosody

beforeAll(async () => {
  folder = await temporaryFolder("transport")
  prosody = await startProsody({ folder, users: ["juliet", "romeo"] })
}, 180_000)

afterAll(async () => {
  await prosody?.stop()
  await removeFolder(folder)
})

/** What the server read since, as it wrote it down. */
async function serverLogSince(start: number): Promise<string> {
  return (await prosody.log()).slice(start)
}

async function failing(options: Partial<XmppOptions>): Promise<{ transport: Transport; events: TransportEvent[] }> {
  const events: TransportEvent[] = []
  const onEvent = (event: TransportEvent) => events.push(event)
  return { transport: xmpp({ ...accountOf("juliet"), ...(await overTls(prosody)), ...options, onEvent }), events }
}

async function reasonOf(work: Promise<unknown>): Promise<unknown> {
  const reason = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!isAurochsError(reason)) throw new Error(`not one of ours: ${String(reason)}`)
  return { code: reason.code, details: reason.details, message: reason.message }
}

const drain = async (values: AsyncIterable<unknown>) => {
  for await (const _ of values);
}

describe("a certificate that nobody vouches for (X1)", () => {
  test("ends everything with NETWORK tls before anything of the account is sent", async () => {
    const start = (await prosody.log()).length
    const { transport, events } = await failing({ ca: undefined })
    const refused = { code: "NETWORK", details: { phase: "tls" } }
    const all = [
      drain(transport.sessions()),
      drain(transport.messages()),
      transport.send(chat("romeo@ox.test", "for nobody")),
    ]
    for (const reason of await Promise.all(all.map(reasonOf))) expect(reason).toMatchObject(refused)
    await transport[Symbol.asyncDispose]()
    expect(events.map(({ kind }) => kind)).toEqual(["failed"])
    const log = await serverLogSince(start)
    expect(log).toContain("<starttls")
    expect(log).not.toMatch(/<auth|juliet|for nobody/)
  })

  test("for another name, although from a trusted issuer and right for the address, is refused: the JID's domain counts", async () => {
    const other = await temporaryFolder("transport-other")
    const server = await startProsody({ folder: other, users: ["juliet"] })
    try {
      await runOrThrow((await debianPrograms(PROSODY_PACKAGES)).path("openssl"), [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
        ...["-keyout", join(other, "certs/ox.test.key"), "-out", server.caFile, "-subj", "/CN=elsewhere.test"],
        ...["-addext", "subjectAltName=DNS:elsewhere.test,DNS:localhost,IP:127.0.0.1"],
      ])
      await server.restart()
      const { transport } = await failing(await overTls(server))
      const reason = await reasonOf(drain(transport.sessions()))
      expect(reason).toMatchObject({ code: "NETWORK", details: { phase: "tls" } })
      expect(reason).toMatchObject({ message: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID") })
      expect(await server.log()).not.toContain("<auth")
    } finally {
      await server.stop()
      await removeFolder(other)
    }
  })

  test("the same account gets in with it, and the log shows what would have been seen", async () => {
    const start = (await prosody.log()).length
    await using _juliet = await online({ ...accountOf("juliet"), ...(await overTls(prosody)) })
    expect(await serverLogSince(start)).toMatch(/<auth[\s\S]+juliet/)
  })
})

describe("a wrong password (X7)", () => {
  test("ends sessions() with AUTHENTICATION, is tried once, and stands in no error", async () => {
    const start = (await prosody.log()).length
    const { transport, events } = await failing({ password: "a wrong secret" })
    const reason = await reasonOf(drain(transport.sessions()))
    expect(reason).toMatchObject({ code: "AUTHENTICATION" })
    expect(await reasonOf(transport.send(chat("romeo@ox.test", "late")))).toMatchObject({ code: "AUTHENTICATION" })
    // Longer than the longest wait before another attempt.
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(events.map(({ kind }) => kind)).toEqual(["failed"])
    expect((await serverLogSince(start)).match(/RECV: <auth/g)).toHaveLength(1)
    expect(JSON.stringify([reason, events])).not.toContain("a wrong secret")
    await transport[Symbol.asyncDispose]()
  })
})
