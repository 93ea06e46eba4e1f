import { AurochsError, type FullJid } from "@aurochs/core"
import type { TransportEvent } from "@aurochs/xmpp"
import { pino } from "pino"
import { describe, expect, it } from "vitest"
import { logConnection, reasonOf } from "../src/logging.ts"

/** What the log says of an event at level info. */
function logged(event: TransportEvent): unknown {
  const lines: string[] = []
  logConnection(pino({ level: "info", base: null, timestamp: false }, { write: (line) => lines.push(line) }), event)
  return lines.map((line) => JSON.parse(line) as unknown)
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

describe("the reason of an error", () => {
  it("is the message of our own errors only; of others the name", () => {
    expect(reasonOf(error)).toBe("NETWORK: nobody listens at 127.0.0.1:5222")
    expect(reasonOf(new TypeError("p99 above 2 s"))).toBe("TypeError")
    expect(reasonOf("p99 above 2 s")).toBe("unknown")
  })
})
