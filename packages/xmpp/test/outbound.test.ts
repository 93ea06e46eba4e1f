import { cryptoRandom, element, fullJid, systemClock } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { expect, it } from "vitest"
import type { Link } from "../src/bind.ts"
import { iqRequests } from "../src/iq.ts"
import { settingsOf } from "../src/options.ts"
import { outboundOf } from "../src/outbound.ts"
import { streamManagement } from "../src/stream-management.ts"

it("X5: what is sent after <enabled/> and before the session is in use is written, and acknowledged as itself", async () => {
  const management = streamManagement()
  const requests = iqRequests({ random: cryptoRandom(), clock: systemClock() })
  const settings = settingsOf({ jid: "alice@example.test", password: "secret" })
  const outbound = outboundOf(settings, management, requests)
  const written: string[] = []
  const link: Link = {
    self: fullJid("alice@example.test/1"),
    ...{ secure: true, resumed: false, acknowledgements: true },
    write: async (...elements) => void written.push(...elements),
    listen: () => {},
    over: new Promise(() => {}),
    destroy: () => {},
    end: async () => {},
  }
  management.enabled("session")
  const early = outbound.stanza(element("message", namespaces.client, { id: "early" }))
  outbound.attach(link)
  let lateDone = false
  const late = outbound.stanza(element("message", namespaces.client, { id: "late" })).then(() => {
    lateDone = true
  })
  outbound.flush()
  const sent = [...written.join("").matchAll(/<message [^>]*id=.(\w+)/g)].map(([, id]) => id)
  expect(sent).toEqual(["early", "late"])
  outbound.acknowledged("1")
  await early
  expect(lateDone).toBe(false)
  outbound.acknowledged("2")
  await late
  outbound.detach()
})
