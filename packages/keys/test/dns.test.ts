import { createSocket } from "node:dgram"
import { once } from "node:events"
import { createServer } from "node:net"
import { cryptoRandom } from "@aurochs/core"
import { decode, encode, type Packet } from "dns-packet"
import { describe, expect, test } from "vitest"
import { dnsDirectory, recordName } from "../src/dns/directory.ts"
import { answerTo, question } from "../src/dns/message.ts"
import { juliet } from "./samples.ts"

const name = recordName(juliet)

interface Asked {
  readonly id: number
  readonly flags: number
  readonly questions: readonly unknown[]
  readonly additionals: readonly unknown[]
  readonly port: number
}

/** A resolver on 127.0.0.1 that says what a test wants. */
async function resolver(
  udp: (asked: Asked) => readonly Uint8Array[],
  tcp?: (asked: Asked) => Uint8Array | "cut" | "silence",
) {
  const asked: Asked[] = []
  const read = (bytes: Buffer, port: number): Asked => {
    const one = { ...(decode(bytes) as unknown as Omit<Asked, "port">), port }
    asked.push(one)
    return one
  }
  const server = createServer((socket) => {
    socket.on("error", () => {})
    socket.on("data", (bytes) => {
      const answer = tcp?.(read(bytes.subarray(2), socket.remotePort ?? 0)) ?? "cut"
      if (answer === "silence") return
      if (answer === "cut") return void socket.destroy()
      const length = Buffer.from([answer.length >> 8, answer.length & 255])
      // In pieces, as a network does it.
      socket.write(length.subarray(0, 1))
      setTimeout(() => socket.write(Buffer.concat([length.subarray(1), answer.subarray(0, 7)])), 5)
      setTimeout(() => socket.write(answer.subarray(7)), 10)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  const socket = createSocket("udp4")
  socket.on("message", (bytes, from) => {
    for (const answer of udp(read(bytes, from.port))) socket.send(answer, from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(port, "127.0.0.1", resolve))
  return {
    asked,
    port,
    directory: dnsDirectory({ servers: [`127.0.0.1:${port}`], timeoutMs: 250 }),
    async [Symbol.asyncDispose]() {
      socket.close()
      server.close()
    },
  }
}

type Change = Partial<{ id: number; rcode: number; flags: number; questions: unknown[]; answers: unknown[] }>
const [AD, TC] = [1 << 5, 1 << 9]

function answer(asked: Asked, o: Change = {}): Uint8Array {
  const { rcode = 0, flags = 0, ...rest } = o
  const packet = { id: asked.id, type: "response", flags: flags | rcode, questions: asked.questions, ...rest }
  return encode(packet as unknown as Packet)
}

const lookup = (r: { directory: ReturnType<typeof dnsDirectory> }) =>
  Array.fromAsync(r.directory.lookup({ owner: juliet })).catch((error: unknown) => error)

describe("the question", () => {
  test("has EDNS, asks for AD, and is for type 61 of the owner's name", async () => {
    await using r = await resolver((asked) => [answer(asked)])
    expect(await lookup(r)).toEqual([])
    const [asked] = r.asked
    expect(asked?.questions).toEqual([{ name, type: "UNKNOWN_61", class: "IN" }])
    expect(asked?.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 1232 }])
    expect((asked?.flags ?? 0) & AD).toBe(AD)
  })

  test("each has an id and a port of its own", async () => {
    await using r = await resolver((asked) => [answer(asked)])
    for (let i = 0; i < 12; i++) await lookup(r)
    expect(new Set(r.asked.map(({ id }) => id)).size).toBeGreaterThan(10)
    expect(new Set(r.asked.map(({ port }) => port)).size).toBeGreaterThan(10)
  })
})

describe("only the answer to the question counts (RFC 5452)", () => {
  const record = { name, type: "UNKNOWN_61", class: "IN", ttl: 60, data: Buffer.from([0xc6, 1, 3]) }

  test.each([
    ["another id", (asked: Asked) => answer(asked, { id: asked.id ^ 1, rcode: 3 })],
    ["another name", (a: Asked) => answer(a, { questions: [{ name: `x${name}`, type: "UNKNOWN_61", class: "IN" }] })],
    ["another type", (a: Asked) => answer(a, { questions: [{ name, type: "A", class: "IN" }] })],
    ["no question", (a: Asked) => answer(a, { questions: [] })],
    ["a question", (a: Asked) => question(a.id, name)],
    ["noise", () => new Uint8Array([1, 2, 3])],
    [
      "a pointer to itself",
      (a: Asked) => new Uint8Array([a.id >> 8, a.id & 255, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12]),
    ],
  ])("%s is passed over, and the right one behind it is taken", async (_, wrong) => {
    await using r = await resolver((asked) => [wrong(asked), answer(asked, { rcode: 2 })])
    expect(await lookup(r)).toMatchObject({ code: "NETWORK", details: { phase: "dns" } })
  })

  test("an answer from another port is not heard", async () => {
    const other = createSocket("udp4")
    await using r = await resolver((asked) => {
      other.send(answer(asked, { rcode: 3 }), asked.port, "127.0.0.1")
      return []
    })
    expect(await lookup(r)).toMatchObject({ code: "NETWORK", details: { phase: "timeout" } })
    other.close()
  })

  test("records of another name, and of no class of ours, are not taken", () => {
    const bytes = (answers: unknown[]) =>
      encode({
        id: 7,
        type: "response",
        flags: AD,
        questions: [{ name, type: "UNKNOWN_61", class: "IN" }],
        answers,
      } as never)
    expect(answerTo(7, name, bytes([record]))).toMatchObject({ kind: "records", isValidated: true, ttlMs: 60_000 })
    expect(answerTo(7, name, bytes([{ ...record, name: "evil.example" }]))).toEqual({ kind: "nothing" })
    const alias = { name, type: "CNAME", class: "IN", ttl: 60, data: "keys.example" }
    expect(answerTo(7, name, bytes([alias, { ...record, name: "keys.example" }]))).toMatchObject({ kind: "records" })
    const loop = [alias, { ...alias, name: "keys.example", data: name }]
    expect(answerTo(7, name, bytes(loop))).toEqual({ kind: "nothing" })
  })

  test("whatever bytes come, they are an answer or nothing", () => {
    const random = cryptoRandom()
    for (let i = 0; i < 2_000; i++) {
      const bytes = random.bytes(1 + (i % 120))
      bytes[0] = 0
      bytes[1] = 7
      answerTo(7, name, bytes)
    }
  })
})

describe("failures", () => {
  test.each([
    [2, "SERVFAIL"],
    [5, "REFUSED"],
  ])("rcode %i is an error that says %s", async (rcode, word) => {
    await using r = await resolver((asked) => [answer(asked, { rcode })])
    const error = await lookup(r)
    expect(error).toMatchObject({ code: "NETWORK", details: { phase: "dns" } })
    expect(String(error)).toContain(word)
  })

  test("NXDOMAIN is nothing", async () => {
    await using r = await resolver((asked) => [answer(asked, { rcode: 3 })])
    expect(await lookup(r)).toEqual([])
  })

  test("a resolver that says nothing is asked twice, then it is a timeout", async () => {
    await using r = await resolver(() => [])
    expect(await lookup(r)).toMatchObject({ code: "NETWORK", details: { phase: "timeout" } })
    expect(r.asked).toHaveLength(2)
  })

  test("the next resolver is asked when one is away, not when it says that it failed", async () => {
    await using dead = await resolver(() => [])
    await using failing = await resolver((asked) => [answer(asked, { rcode: 2 })])
    await using fine = await resolver((asked) => [answer(asked)])
    const both = (first: { port: number }) =>
      dnsDirectory({ servers: [`127.0.0.1:${first.port}`, `127.0.0.1:${fine.port}`], timeoutMs: 100 })
    expect(await lookup({ directory: both(dead) })).toEqual([])
    expect(await lookup({ directory: both(failing) })).toMatchObject({ code: "NETWORK" })
    expect(fine.asked).toHaveLength(1)
  })

  test("what was cut is asked for again over TCP, in pieces or not at all", async () => {
    const cut = (asked: Asked) => [answer(asked, { flags: TC })]
    await using r = await resolver(cut, (asked) => answer(asked, { rcode: 3 }))
    expect(await lookup(r)).toEqual([])
    await using broken = await resolver(cut, () => "cut")
    expect(await lookup(broken)).toMatchObject({ code: "NETWORK", details: { phase: "connect" } })
    await using silent = await resolver(cut, () => "silence")
    expect(await lookup(silent)).toMatchObject({ code: "NETWORK", details: { phase: "timeout" } })
    await using wrong = await resolver(cut, (asked) => answer(asked, { id: asked.id ^ 1 }))
    expect(await lookup(wrong)).toMatchObject({ code: "NETWORK" })
  })

  test("an abort ends it with ABORTED", async () => {
    await using r = await resolver(() => [])
    const stop = new AbortController()
    const answered = Array.fromAsync(r.directory.lookup({ owner: juliet }, { signal: stop.signal }))
    setTimeout(() => stop.abort(), 20)
    await expect(answered).rejects.toMatchObject({ code: "ABORTED" })
  })
})
