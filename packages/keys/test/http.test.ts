import { once } from "node:events"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { isAurochsError } from "@aurochs/core"
import { describe, expect, test, vi } from "vitest"
import { type HttpOptions, httpClient } from "../src/http/client.ts"
import { type Handler, selfSigned, webServer } from "./web-server.ts"

const now = new Date("2026-11-23T12:00:00Z")
const local: HttpOptions = {
  allowPrivate: ["127.0.0.1"],
  proxy: "none",
  timeoutMs: 5_000,
  clock: { now: () => now, sleep: async () => {} },
}

async function ask(handler: Handler, o: { maxBytes?: number; options?: HttpOptions; body?: string } = {}) {
  await using server = await webServer(handler)
  const http = httpClient({ ...local, ...o.options })
  const url = new URL(`http://127.0.0.1:${server.port}/x`)
  const body = o.body === undefined ? undefined : { type: "text/plain", text: o.body }
  const answer = await http({ url, maxBytes: o.maxBytes ?? 1_000, body }).then(
    (value) => ({ value, text: value && new TextDecoder().decode(value.bytes), error: undefined }),
    (error: unknown) => ({ value: undefined, text: undefined, error }),
  )
  return { ...answer, asked: server.asked }
}

const status =
  (code: number, headers: Record<string, string> = {}, body = ""): Handler =>
  (_, response) => {
    response.writeHead(code, headers)
    response.end(body)
  }

describe("answers", () => {
  test("bytes, and how long they may be kept", async () => {
    const { value, text } = await ask(status(200, { "cache-control": "public, max-age=60" }, "hello"))
    expect([text, value?.expiresInMs]).toEqual(["hello", 60_000])
  })

  test.each([404, 410])("%i with an HTML page is nothing, not an error", async (code) => {
    const { value, error } = await ask(status(code, { "content-type": "text/html" }, "<h1>No results</h1>"))
    expect([value, error]).toEqual([undefined, undefined])
  })

  test("429 and 503 tell when to ask again", async () => {
    const { error } = await ask(status(429, { "retry-after": "30" }))
    expect(error).toMatchObject({ code: "HTTP", details: { status: 429, retryAfterMs: 30_000 } })
    const busy = await ask(status(503, { "retry-after": "Mon, 23 Nov 2026 12:01:00 GMT" }))
    expect(busy.error).toMatchObject({ code: "HTTP", details: { status: 503, retryAfterMs: 60_000 } })
  })

  test.each([400, 401, 403, 500, 502])("%i is an error with its status", async (code) => {
    const { error } = await ask(status(code, {}, "<html>"))
    expect(error).toMatchObject({ code: "HTTP" })
    expect((error as { details?: unknown }).details).toEqual({ status: code })
  })

  test("what is sent says aurochs and nothing more", async () => {
    let headers: Record<string, unknown> = {}
    await ask((request, response) => {
      headers = request.headers
      response.end()
    })
    expect(headers).toMatchObject({ "user-agent": "aurochs", "accept-encoding": "identity" })
    expect(Object.keys(headers).sort()).toEqual(["accept", "accept-encoding", "connection", "host", "user-agent"])
  })

  test("a compressed answer is refused: its size would say nothing (A16)", async () => {
    const { error } = await ask(status(200, { "content-encoding": "gzip" }, "x"))
    expect(error).toMatchObject({ code: "HTTP" })
  })
})

describe("bounds", () => {
  test("an endless answer is cut at its bound while it comes (A19)", async () => {
    let sent = 0
    const { error } = await ask((_, response) => {
      const more = () => {
        while (!response.destroyed && sent < 500_000_000) {
          sent += 65_536
          if (!response.write(Buffer.alloc(65_536))) {
            response.once("drain", more)
            return
          }
        }
      }
      more()
    })
    expect(error).toMatchObject({ code: "BAD_DATA", details: { what: "certificate", limit: "maxBytes" } })
    expect(sent).toBeLessThan(50_000_000)
  })

  test("a server that says nothing, or stops in the middle, is a timeout", async () => {
    const silent = await ask(() => {}, { options: { timeoutMs: 200 } })
    expect(silent.error).toMatchObject({ code: "NETWORK", details: { phase: "timeout" } })
    const stuck = await ask((_, response) => response.write("half"), { options: { timeoutMs: 200 } })
    expect(stuck.error).toMatchObject({ code: "NETWORK", details: { phase: "timeout" } })
  })

  test("a connection that breaks in the middle is no shorter answer", async () => {
    const { error } = await ask((_, response) => {
      response.writeHead(200, { "content-length": "100" })
      response.write("half")
      setTimeout(() => response.destroy(), 20)
    })
    expect(error).toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
  })

  test("an abort ends it with ABORTED", async () => {
    await using server = await webServer(() => {})
    const stop = new AbortController()
    const answer = httpClient(local)(
      { url: new URL(`http://127.0.0.1:${server.port}/`), maxBytes: 10 },
      { signal: stop.signal },
    )
    setTimeout(() => stop.abort(), 20)
    const error = await answer.catch((thrown: unknown) => thrown)
    expect(isAurochsError(error, "ABORTED")).toBe(true)
  })

  test("a port without a server is a failed connection", async () => {
    const error = await httpClient(local)({ url: new URL("http://127.0.0.1:1/"), maxBytes: 10 }).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({ code: "NETWORK", details: { phase: "connect" } })
  })
})

describe("where it connects (A34)", () => {
  const nothing = { maxBytes: 10 }
  const refused = async (url: string, options: HttpOptions) => {
    const error = await httpClient({ proxy: "none", ...options })({ url: new URL(url), ...nothing }).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({ code: "NETWORK", details: { phase: "connect" } })
  }

  test("a private address in the URL, however it is written", async () => {
    await using server = await webServer((_, response) => response.end())
    for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"]) {
      await refused(`http://${host}:${server.port}/`, {})
      await refused(`https://${host}:${server.port}/`, {})
    }
    expect(server.asked).toEqual([])
  })

  test("a name that resolves to a private address", async () => {
    await using server = await webServer((_, response) => response.end())
    const resolve = async () => [{ address: "127.0.0.1", port: server.port }, { address: "10.0.0.1" }]
    await refused("https://keys.example/", { resolve })
    expect(server.asked).toEqual([])
  })

  test("what was checked is what is connected to: a name is resolved once for each connection (DNS rebinding)", async () => {
    let asked = 0
    await using server = await webServer((_, response) => response.end())
    const resolve = async () => {
      asked++
      return asked === 1 ? [{ address: "192.0.2.1" }] : [{ address: "127.0.0.1", port: server.port }]
    }
    await refused("https://keys.example/", { resolve })
    expect([asked, server.asked]).toEqual([1, []])
  })

  test("plain HTTP goes to this machine only, even where a name is allowed", async () => {
    const resolve = async () => [{ address: "10.0.0.1" }]
    await refused("http://keys.example/", { resolve, allowPrivate: ["keys.example"] })
  })

  test("a name that does not exist, and one that cannot be asked for", async () => {
    const error = await httpClient({ proxy: "none", resolve: async () => [] })({
      url: new URL("https://keys.example/"),
      ...nothing,
    }).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: "NETWORK", details: { phase: "dns" } })
  })
})

const tls = await selfSigned("keys.example")

describe("redirects", () => {
  async function redirected(targets: readonly string[], o: { body?: string } = {}) {
    if (tls === undefined) throw new Error("no openssl")
    let hop = 0
    await using server = await webServer((_, response) => {
      const target = targets[hop++]
      if (target === undefined) response.end("here")
      else response.writeHead(302, { location: target }).end()
    }, tls)
    const resolve = async (host: string) =>
      host.endsWith("keys.example") ? [{ address: "127.0.0.1", port: server.port }] : [{ address: "10.0.0.1" }]
    const http = httpClient({ ...local, resolve, ca: tls.cert })
    const body = o.body === undefined ? undefined : { type: "text/plain", text: o.body }
    const result = await http({ url: new URL("https://keys.example/a"), maxBytes: 100, body }).then(
      (answer) => new TextDecoder().decode(answer?.bytes),
      (error: unknown) => error,
    )
    return { result, asked: server.asked }
  }

  test.skipIf(tls === undefined)("three are followed, a fourth is not", async () => {
    expect((await redirected(["/b", "https://keys.example/c", "/d"])).result).toBe("here")
    const { result, asked } = await redirected(["/b", "/c", "/d", "/e"])
    expect(result).toMatchObject({ code: "HTTP", details: { status: 302 } })
    expect(asked).toHaveLength(4)
  })

  test.skipIf(tls === undefined).each([
    ["http://keys.example/plain", "HTTP"],
    ["https://user:secret@keys.example/", "HTTP"],
    ["ftp://keys.example/", "HTTP"],
    ["https://127.0.0.2/", "NETWORK"],
    ["https://intern.example/", "NETWORK"],
    ["https://[::1]/", "NETWORK"],
  ])("to %s is not followed (A34)", async (target, code) => {
    const { result, asked } = await redirected([target])
    expect(result).toMatchObject({ code })
    expect(asked).toHaveLength(1)
  })

  test.skipIf(tls === undefined)("an upload is not sent elsewhere", async () => {
    const { result, asked } = await redirected(["/b"], { body: "key" })
    expect(result).toMatchObject({ code: "HTTP", details: { status: 302 } })
    expect(asked).toEqual(["POST /a"])
  })

  test.skipIf(tls === undefined)("a certificate for another name, or of nobody, is not accepted", async () => {
    await using server = await webServer((_, response) => response.end("x"), tls)
    const resolve = async () => [{ address: "127.0.0.1", port: server.port }]
    for (const [host, ca] of [
      ["other.example", tls?.cert],
      ["keys.example", undefined],
    ] as const) {
      const http = httpClient({ ...local, resolve, ...(ca === undefined ? {} : { ca }) })
      const error = await http({ url: new URL(`https://${host}/`), maxBytes: 10 }).catch((e: unknown) => e)
      expect(error).toMatchObject({ code: "NETWORK", details: { phase: "tls" } })
    }
    expect(server.asked).toEqual([])
  })

  test.skipIf(tls === undefined)(
    "through a proxy: CONNECT with the name, TLS to the server, no private literal",
    async () => {
      await using server = await webServer((_, response) => response.end("behind"), tls)
      await using proxy = await tunnelTo(server.port)
      const { tunnels } = proxy
      const http = httpClient({ ca: tls?.cert, proxy: { https: proxy.url } })
      const answer = await http({ url: new URL("https://keys.example/a"), maxBytes: 100 })
      expect(new TextDecoder().decode(answer?.bytes)).toBe("behind")
      expect(tunnels).toEqual(["keys.example:443"])
      for (const host of ["127.0.0.1", "localhost", "a.localhost", "intranet", "[::ffff:7f00:1]"]) {
        const error = await http({ url: new URL(`https://${host}/`), maxBytes: 10 }).catch((e: unknown) => e)
        expect(error).toMatchObject({ code: "NETWORK", details: { phase: "connect" } })
      }
      expect(tunnels).toHaveLength(1)
    },
  )

  test.skipIf(tls === undefined)("by default the environment names the proxy, and what is not for it", async () => {
    await using server = await webServer((_, response) => response.end("behind"), tls)
    await using proxy = await tunnelTo(server.port)
    for (const name of ["https_proxy", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"]) vi.stubEnv(name, undefined)
    vi.stubEnv("HTTPS_PROXY", proxy.url)
    const get = (o: HttpOptions, url: string) =>
      httpClient({ ca: tls?.cert, ...o })({ url: new URL(url), maxBytes: 100 })
    try {
      expect(new TextDecoder().decode((await get({}, "https://keys.example/a"))?.bytes)).toBe("behind")
      expect(proxy.tunnels).toEqual(["keys.example:443"])
      vi.stubEnv("NO_PROXY", "keys.example")
      const resolve = async () => [{ address: "127.0.0.1", port: server.port }]
      await get({ resolve, allowPrivate: ["keys.example"] }, "https://keys.example/a")
      expect(proxy.tunnels).toHaveLength(1)
      // Plain HTTP is for one's own machine: a proxy's loopback is another one.
      vi.stubEnv("NO_PROXY", undefined)
      for (const name of ["http_proxy", "HTTP_PROXY"]) vi.stubEnv(name, proxy.url)
      await using plain = await webServer((_, response) => response.end("here"))
      await get({ allowPrivate: ["127.0.0.1"] }, `http://127.0.0.1:${plain.port}/x`)
      expect(plain.asked).toHaveLength(1)
      expect(proxy.tunnels).toHaveLength(1)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

/** A proxy that leads everywhere to one port of ours. */
async function tunnelTo(target: number) {
  const tunnels: string[] = []
  const proxy = createServer()
  proxy.on("connect", (request, socket) => {
    tunnels.push(request.url ?? "")
    const upstream = connect(target, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      upstream.pipe(socket)
      socket.pipe(upstream)
    })
    upstream.on("error", () => socket.destroy())
    socket.on("error", () => upstream.destroy())
  })
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  return {
    tunnels,
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections()
      proxy.close()
    },
  }
}
