import { once } from "node:events"
import { connect } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { type Listening, listen } from "../src/listening.ts"

let server: Listening
afterEach(() => server[Symbol.asyncDispose]())

const free = { host: "127.0.0.1", port: 0 }

describe("a server that stops", () => {
  it("A34: cuts off a request that was sent by half", async () => {
    server = await listen(async (request) => new Response(await request.text()), free)
    const socket = connect(server.port, "127.0.0.1")
    socket.on("error", () => {}).resume()
    await once(socket, "connect")
    socket.write("POST /alertmanager HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    const closed = once(socket, "close")
    // Until the server has seen it: before that the connection counts as idle.
    await (await fetch(`http://127.0.0.1:${server.port}/`)).text()
    const start = performance.now()
    await server[Symbol.asyncDispose]()
    expect(performance.now() - start).toBeLessThan(4_000)
    await closed
  }, 10_000)

  it("lets an open request end, and takes no new ones", async () => {
    const seen = Promise.withResolvers<void>()
    server = await listen(async () => {
      seen.resolve()
      await new Promise((resolve) => setTimeout(resolve, 500))
      return new Response("done")
    }, free)
    const url = `http://127.0.0.1:${server.port}/`
    const answer = fetch(url).then((response) => response.text())
    await seen.promise
    const stopped = server[Symbol.asyncDispose]()
    await expect(fetch(url)).rejects.toThrow()
    expect(await answer).toBe("done")
    const answered = performance.now()
    await stopped
    expect(performance.now() - answered).toBeLessThan(1_000)
  })

  it("says which setting is wrong where another program listens", async () => {
    server = await listen(() => new Response("done"), free)
    await expect(listen(() => new Response(), { host: "127.0.0.1", port: server.port })).rejects.toMatchObject({
      code: "CONFIGURATION",
      details: { field: "webhook.port" },
    })
  })
})
