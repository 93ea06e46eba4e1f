import { AurochsError, type CallOptions, type Clock, systemClock, throwIfAborted } from "@aurochs/core"
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici"
import { addressRule, isLoopback, literalAddress } from "./addresses.ts"
import { guardedConnector, type ResolveHost, resolver } from "./connect.ts"
import { networkFailure } from "./failure.ts"
import { maxAgeMs, retryAfterMs } from "./headers.ts"

/** Options of every source that is asked over HTTP. */
export interface HttpOptions {
  /**
   * Private addresses are never connected to, unless they are named here: addresses, networks (`10.0.0.0/8`) or host
   * names. Through a proxy the proxy resolves names, so only an address, `localhost` or a name without a dot in the URL
   * itself is refused.
   */
  readonly allowPrivate?: readonly string[] | undefined
  /** Finds the addresses of a name; the machine's resolver by default. */
  readonly resolve?: ResolveHost | undefined
  /** PEM certificates that are trusted instead of the system's. */
  readonly ca?: string | readonly string[] | undefined
  /** For one answer, redirects included, in milliseconds; 15,000 by default. */
  readonly timeoutMs?: number | undefined
  /** `environment` (default): `HTTPS_PROXY` and `NO_PROXY` are followed. An object says the same without them. */
  readonly proxy?: "environment" | "none" | { readonly https: string; readonly except?: string } | undefined
  /** `aurochs` by default: a version or a contact would only make the asker known. */
  readonly userAgent?: string | undefined
  /** The machine's clock by default. */
  readonly clock?: Clock | undefined
}

/** One question. */
export interface HttpQuestion {
  readonly url: URL
  /** The most that is read of an answer, in bytes; a longer one is `BAD_DATA`. */
  readonly maxBytes: number
  readonly accept?: string | undefined
  /** Makes it a POST. */
  readonly body?: { readonly type: string; readonly text: string } | undefined
}

/** What a server said with success. */
export interface HttpAnswer {
  readonly bytes: Uint8Array
  /** How long it may be kept, in milliseconds, if the server says so. */
  readonly expiresInMs?: number | undefined
}

/**
 * Asks; undefined is "not found" (404, 410), whatever page comes with it.
 *
 * @throws {AurochsError} `HTTP` (any other status, with `retryAfterMs` where the server says when), `NETWORK`,
 * `BAD_DATA` (too long), `ABORTED`
 */
export type HttpClient = (question: HttpQuestion, options?: CallOptions) => Promise<HttpAnswer | undefined>

const MAX_REDIRECTS = 3
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/**
 * An HTTP client that a stranger's server cannot lead astray: HTTPS only (plain HTTP on loopback), bounded answers and
 * time, few redirects, addresses checked when connecting.
 *
 * @throws {AurochsError} `CONFIGURATION`
 */
export function httpClient(o: HttpOptions = {}): HttpClient {
  const { timeoutMs = 15_000, userAgent = "aurochs" } = o
  const clock = o.clock ?? systemClock()
  const mayConnect = addressRule(o.allowPrivate)
  const connect = guardedConnector({ resolve: resolver(o.resolve), mayConnect, timeoutMs, ca: o.ca })
  const dispatcher = dispatcherFor(o, connect)

  const checkUrl = (url: URL, before?: URL) => {
    const literal = literalAddress(url.hostname)
    // A proxy would take `localhost` for itself.
    const isLocal = literal === undefined && /(^|\.)localhost\.?$|^[^.]+\.?$/.test(url.hostname)
    const isRefused =
      literal === undefined ? isLocal && !mayConnect(url.hostname, "127.0.0.1") : !mayConnect(literal, literal)
    if (isRefused) {
      throw new AurochsError("NETWORK", `${url.host} is an address that may not be connected to`, { phase: "connect" })
    }
    if (before !== undefined && (url.protocol !== "https:" || url.username !== "" || url.password !== "")) {
      throw new AurochsError("HTTP", `${before.host} redirects to what is not HTTPS`, { status: 302 })
    }
  }

  const ask = async (question: HttpQuestion, url: URL, signal: AbortSignal): Promise<HttpAnswer | URL | undefined> => {
    const { body } = question
    const answer = await request(url, {
      dispatcher,
      signal,
      method: body === undefined ? "GET" : "POST",
      headers: {
        "user-agent": userAgent,
        accept: question.accept ?? "*/*",
        "accept-encoding": "identity",
        ...(body === undefined ? {} : { "content-type": body.type }),
      },
      body: body?.text ?? null,
    })
    // Leaving a body unread is an event on it that nobody else listens to.
    answer.body.on("error", () => {})
    const header = (name: string) => [answer.headers[name]].flat()[0]
    const status = answer.statusCode
    if (status >= 200 && status < 300) {
      const encoding = header("content-encoding") ?? "identity"
      if (encoding === "identity") {
        const bytes = await bounded(answer.body, question.maxBytes, url.host)
        return { bytes, expiresInMs: maxAgeMs(header("cache-control")) }
      }
    }
    // What else it says is not read.
    answer.body.destroy()
    if (status === 404 || status === 410) return undefined
    const location = header("location")
    if (REDIRECTS.includes(status) && location !== undefined && body === undefined) {
      const next = URL.parse(location, url.href)
      if (next !== null) return next
    }
    const wait = retryAfterMs(header("retry-after"), clock.now())
    const details = wait === undefined ? { status } : { status, retryAfterMs: wait }
    throw new AurochsError("HTTP", `${url.host} answered ${status}`, details)
  }

  return async (question, options = {}) => {
    throwIfAborted(options)
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
    let url = question.url
    try {
      checkUrl(url)
      for (let hops = 0; ; hops++) {
        const answer = await ask(question, url, signal)
        if (!(answer instanceof URL)) return answer
        if (hops === MAX_REDIRECTS) throw new AurochsError("HTTP", `${url.host} redirects too often`, { status: 302 })
        checkUrl(answer, url)
        url = answer
      }
    } catch (error) {
      throw networkFailure(error, url.host, timeout.aborted, options)
    }
  }
}

function dispatcherFor(o: HttpOptions, connect: ReturnType<typeof guardedConnector>): Dispatcher {
  // No connection outlives its answer: each one is checked.
  const agent = { connect, pipelining: 0, connections: 8 }
  if (o.proxy === "none") return new Agent(agent)
  // Plain HTTP is for loopback only, which a proxy would take for its own.
  const direct = { httpProxy: "" }
  const named = typeof o.proxy === "object" ? { httpsProxy: o.proxy.https, noProxy: o.proxy.except ?? "" } : {}
  const ca = o.ca === undefined ? {} : { requestTls: { ca: typeof o.ca === "string" ? o.ca : [...o.ca] } }
  return new EnvHttpProxyAgent({ ...agent, ...direct, ...named, ...ca })
}

async function bounded(body: AsyncIterable<Uint8Array>, maxBytes: number, host: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxBytes) {
      const limit = { what: "certificate", limit: "maxBytes" } as const
      throw new AurochsError("BAD_DATA", `${host} sent more than ${maxBytes} bytes`, limit)
    }
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/**
 * The base address of a key server.
 *
 * @throws {AurochsError} `CONFIGURATION` (`server`): HTTPS is needed; plain HTTP is for a literal loopback address only
 */
export function serverUrl(text: string): URL {
  const url = URL.parse(text)
  const isPlain = url?.protocol === "http:"
  const isClean = url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === ""
  const address = url === null ? undefined : literalAddress(url.hostname)
  const isLocal = address !== undefined && isLoopback(address)
  if (!isClean || (url.protocol !== "https:" && !(isPlain && isLocal))) {
    const message = "server: https://HOST is needed (http:// for a loopback address only)"
    throw new AurochsError("CONFIGURATION", message, { field: "server" })
  }
  return new URL(url.pathname.endsWith("/") ? url : `${url}/`)
}
