import { describeTransport, type TransportSubject } from "@aurochs/conformance"
import { type XmppOptions, xmpp } from "@aurochs/xmpp"
import { afterAll, beforeAll, expect, test } from "vitest"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { type Prosody, startProsody } from "../rig/prosody.ts"
import { accountOf, online, overTls } from "./person.ts"

let folder: string
let prosody: Prosody
let accounts = 0

beforeAll(async () => {
  folder = await temporaryFolder("transport")
  prosody = await startProsody({ folder })
}, 180_000)

afterAll(async () => {
  await prosody?.stop()
  await removeFolder(folder)
})

async function newAccount(): Promise<string> {
  const user = `user${++accounts}`
  await prosody.register(user)
  return user
}

/** Accounts of its own for every case: what one leaves behind does not reach another. */
async function two(over: Pick<XmppOptions, "service" | "ca" | "tls">): Promise<TransportSubject> {
  const a = xmpp({ ...accountOf(await newAccount()), ...over })
  const b = xmpp({ ...accountOf(await newAccount()), ...over })
  return {
    a,
    b,
    async dispose() {
      await Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()])
    },
  }
}

describeTransport("xmpp over TCP with STARTTLS on Prosody", async () => two(await overTls(prosody)))
describeTransport("xmpp over WebSocket on Prosody", () => two({ service: prosody.webSocket }))

test("the session over STARTTLS is secure and acknowledged, the one over ws: on loopback says that it is not (X1)", async () => {
  await using tls = await online({ ...accountOf(await newAccount()), ...(await overTls(prosody)) })
  await using ws = await online({ ...accountOf(await newAccount()), service: prosody.webSocket })
  expect(tls.events[0]).toMatchObject({ kind: "connected", secure: true, acknowledgements: true })
  expect(ws.events[0]).toMatchObject({ kind: "connected", secure: false, acknowledgements: true })
})
