import { AurochsError, type FullJid } from "@aurochs/core"
import type { TransportEvent } from "@aurochs/xmpp"
import { pino } from "pino"
import { describe, expect, it } from "vitest"
import { connectionLog, reasonOf } from "../src/logging.ts"

/** What the log says of an event at level info. */
function logged(event: TransportEvent): unknown {
  const { tell, lines } = telling()
  tell(event)
  return lines()
}

function telling(clock?: { now(): Date }) {
  const lines: string[] = []
  const tell = connectionLog(
    pino({ level: "info", base: null, timestamp: false }, { write: (line) => lines.push(line) }),
    clock,
  )
  return { tell, lines: () => lines.map((line) => JSON.parse(line) as unknown) }
}

const error = new AurochsError("NETWORK", "nobody listens at 127.0.0.1:5222", { phase: "connect" })
const [INFO, WARN] = [30, 40]

describe("the log at level info", () => {
  it("says why there is no connection", () => {
    const why = { code: "NETWORK", reason: error.message, level: WARN }
    expect(logged({ kind: "disconnected", error, retryInMs: 1000 })).toMatchObject([{ ...why, retryInMs: 1000 }])
    expect(logged({ kind: "catch-up-failed", error, retryInMs: 1000 })).toMatchObject([{ ...why, retryInMs: 1000 }])
    expect(logged({ kind: "failed", error })).toMatchObject([{ ...why, kind: "failed" }])
  })

  it("says what was ignored, and that there is a connection", () => {
    const dropped = { kind: "dropped", why: "forged-carbon", from: "mallory@example.org" } as const
    expect(logged(dropped)).toMatchObject([{ ...dropped, level: WARN }])
    const self = "bot@example.org/1" as FullJid
    const connected = { kind: "connected", self, resumed: false, secure: true, acknowledgements: true } as const
    expect(logged(connected)).toMatchObject([{ self, level: INFO, msg: "connected" }])
    expect(logged({ kind: "caught-up", messages: 3 })).toEqual([])
  })
})

describe("what strangers can cause", () => {
  it("A31: fills no log: ten lines in a minute, then how many more there were", () => {
    let at = 0
    const { tell, lines } = telling({ now: () => new Date(at) })
    const dropped = { kind: "dropped", why: "malformed", from: "mallory@example.org" } as const
    for (let n = 0; n < 500; n++) tell(dropped)
    expect(lines()).toHaveLength(10)
    at = 60_000
    tell(dropped)
    expect(lines().slice(10)).toMatchObject([
      { kind: "dropped", more: 490, level: WARN },
      { ...dropped, level: WARN },
    ])
  })
})

describe("the reason of an error", () => {
  it("is the message of our own errors only; of others the name", () => {
    expect(reasonOf(error)).toBe("NETWORK: nobody listens at 127.0.0.1:5222")
    expect(reasonOf(new TypeError("p99 above 2 s"))).toBe("TypeError")
    expect(reasonOf("p99 above 2 s")).toBe("unknown")
  })
})
