import { createSocket } from "node:dgram"
import { connect, isIPv6 } from "node:net"
import {
  AurochsError,
  aborted,
  type CallOptions,
  isAurochsError,
  type Random,
  randomInteger,
  throwIfAborted,
} from "@aurochs/core"
import { answerTo, type DnsAnswer, question } from "./message.ts"
import type { DnsServer } from "./servers.ts"

/** Questions sent over UDP before a server counts as away. */
const ATTEMPTS = 2

interface Place extends CallOptions {
  readonly servers: readonly DnsServer[]
  readonly random: Random
  /** For one packet's answer, in milliseconds. */
  readonly timeoutMs: number
}

/**
 * Asks for the OPENPGPKEY records of a name: over UDP, and over TCP what does not fit. Each question has a random id
 * and a port of its own; only an answer from that server to that id and that question counts (RFC 5452).
 *
 * The next server is asked only if one does not answer at all.
 *
 * @throws {AurochsError} `NETWORK` (`dns`: the resolver says that it failed, `timeout`, `connect`), `ABORTED`
 */
export async function askOpenpgpkey(name: string, o: Place): Promise<Exclude<DnsAnswer, { kind: "failed" }>> {
  let last: unknown
  for (const server of o.servers) {
    try {
      const first = await overUdp(name, server, o)
      const answer = first.kind === "truncated" ? await overTcp(name, server, o) : first
      if (answer.kind !== "failed") return answer
      const why = answer.rcode === "SERVFAIL" ? "SERVFAIL: not reachable, or its signatures are wrong" : answer.rcode
      throw new AurochsError("NETWORK", `the resolver answered ${why}`, { phase: "dns" })
    } catch (error) {
      throwIfAborted(o)
      if (!isAurochsError(error, "NETWORK") || error.details.phase === "dns") throw error
      last = error
    }
  }
  throw last
}

async function overUdp(name: string, server: DnsServer, o: Place): Promise<DnsAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await oneUdp(name, server, o)
    } catch (error) {
      const isLate = isAurochsError(error, "NETWORK") && error.details.phase === "timeout"
      if (!isLate || attempt === ATTEMPTS) throw error
    }
  }
}

function oneUdp(name: string, server: DnsServer, o: Place): Promise<DnsAnswer> {
  const id = randomInteger(o.random, 0, 0xffff)
  const socket = createSocket(isIPv6(server.address) ? "udp6" : "udp4")
  return settled(
    o,
    server,
    () => socket.close(),
    (resolve, reject) => {
      socket.on("error", reject)
      socket.on("message", (bytes) => {
        const answer = answerTo(id, name, bytes)
        if (answer !== undefined) resolve(answer)
      })
      // Connected: the system drops what comes from elsewhere, and gives a random port.
      socket.connect(server.port, server.address, () => socket.send(question(id, name)))
    },
  )
}

function overTcp(name: string, server: DnsServer, o: Place): Promise<DnsAnswer> {
  const id = randomInteger(o.random, 0, 0xffff)
  const socket = connect(server.port, server.address)
  return settled(
    o,
    server,
    () => socket.destroy(),
    (resolve, reject) => {
      let received = Buffer.alloc(0)
      socket.on("error", reject)
      socket.on("close", () => reject(new Error("the connection was closed")))
      socket.on("connect", () => {
        const bytes = question(id, name)
        socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]))
      })
      socket.on("data", (chunk) => {
        // One answer has two octets of length and at most 65,535 more (RFC 7766 §8).
        received = Buffer.concat([received, chunk])
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
        const answer = answerTo(id, name, received.subarray(2, 2 + received.readUInt16BE(0)))
        if (answer === undefined || answer.kind === "truncated") reject(new Error("not the answer"))
        else resolve(answer)
      })
    },
  )
}

/** Ends with an answer, an error, the time, or the caller's abort, and always closes. */
function settled(
  o: Place,
  server: DnsServer,
  close: () => void,
  run: (resolve: (answer: DnsAnswer) => void, reject: (error: unknown) => void) => void,
): Promise<DnsAnswer> {
  let stop = () => {}
  return new Promise<DnsAnswer>((resolve, reject) => {
    throwIfAborted(o)
    const fail = (phase: "timeout" | "connect", cause?: unknown) =>
      reject(new AurochsError("NETWORK", `the resolver ${server.address} ${WORDS[phase]}`, { phase }, { cause }))
    const timer = setTimeout(() => fail("timeout"), o.timeoutMs)
    const onAbort = () => reject(aborted(o.signal))
    o.signal?.addEventListener("abort", onAbort, { once: true })
    run(resolve, (error) => fail("connect", error))
    stop = () => {
      clearTimeout(timer)
      o.signal?.removeEventListener("abort", onAbort)
    }
  }).finally(() => {
    stop()
    close()
  })
}

const WORDS = { timeout: "does not answer", connect: "cannot be reached" } as const
