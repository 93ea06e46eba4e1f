import { EventEmitter, once } from "node:events"
import { connect, isIP, type Socket } from "node:net"
import { connect as secure, type TLSSocket } from "node:tls"
import type { CallOptions } from "@aurochs/core"
import { failure, networkError } from "./errors.ts"
import { asciiHost } from "./resolve.ts"

/** A socket in the shape that @xmpp/client takes: emits `data`, `close`, `error`. */
export interface Wire extends EventEmitter {
  /** Protected by TLS, with a certificate that is the domain's. */
  readonly secure: boolean
  write(text: string, done?: (error?: Error | null) => void): void
  end(): void
  destroy(): void
}

/** A TCP connection that may still be protected by TLS. */
export interface TcpWire extends Wire {
  /** The other end is on this machine: judged by its address, not by its name. */
  readonly loopback: boolean
  /** Goes on with TLS on the same connection; this wire must not be used any more. */
  upgrade(options: TlsOptions): Promise<TcpWire>
}

/** What TLS has to prove. */
export interface TlsOptions extends CallOptions {
  /** The certificate must be this domain's, whatever host was connected to (RFC 6120 §13.7.2). */
  readonly domain: string
  readonly ca: readonly string[] | undefined
  /** False: a certificate that is not trusted is put up with, and the wire is not called secure. Only on loopback. */
  readonly strict: boolean
}

/** @throws {Error} the system's, if there is no connection */
export async function tcpWire(host: string, port: number, options?: CallOptions): Promise<TcpWire> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, autoSelectFamily: true })
  await ready(socket, "connect", options)
  return wrap(socket, socket, false)
}

function wrap(raw: Socket, socket: Socket, isSecure: boolean): TcpWire {
  const wire = new EventEmitter()
  const onData = (data: Buffer) => wire.emit("data", data)
  const onError = (error: Error) => wire.emit("error", error)
  const onClose = () => wire.emit("close")
  // An emitter without a listener would throw.
  wire.on("error", () => {})
  socket.on("data", onData).on("error", onError).on("close", onClose)
  return Object.assign(wire, {
    secure: isSecure,
    loopback: isLoopbackAddress(raw.remoteAddress),
    write: (text: string, done?: (error?: Error | null) => void) => void socket.write(text, done),
    end: () => void socket.end(),
    destroy: () => {
      socket.destroy()
      raw.destroy()
    },
    async upgrade({ domain, ca, strict, signal }: TlsOptions) {
      // Whatever was sent in the clear after <proceed/> is not part of what TLS protects.
      socket.off("data", onData).off("error", onError).off("close", onClose)
      const host = asciiHost(domain)
      const upgraded = secure({
        socket: raw,
        host,
        ...(isIP(host) ? {} : { servername: host }),
        ...(ca === undefined ? {} : { ca: [...ca] }),
        ALPNProtocols: ["xmpp-client"],
        // Looked at below, where it can be told apart from a connection that broke.
        rejectUnauthorized: false,
      })
      await handshake(upgraded, { signal })
      if (strict && !upgraded.authorized) {
        const { authorizationError } = upgraded
        upgraded.destroy()
        raw.destroy()
        const message = `the server's certificate is not acceptable for ${domain}: ${reasonOf(authorizationError)}`
        throw failure(networkError("tls", message), { permanent: true })
      }
      return wrap(raw, upgraded, upgraded.authorized)
    },
  })
}

async function handshake(socket: TLSSocket, options: CallOptions): Promise<void> {
  try {
    await ready(socket, "secureConnect", options)
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw failure(networkError("tls", "TLS could not be negotiated", error))
  }
}

async function ready(socket: Socket, event: string, options: CallOptions | undefined): Promise<void> {
  const closed = new AbortController()
  const signal = AbortSignal.any([closed.signal, ...(options?.signal ? [options.signal] : [])])
  const onClose = () => closed.abort()
  socket.once("close", onClose)
  try {
    await once(socket, event, { signal })
  } catch (error) {
    socket.on("error", () => {})
    socket.destroy()
    throw closed.signal.aborted && !options?.signal?.aborted
      ? networkError("closed", "the connection was closed")
      : error
  } finally {
    socket.off("close", onClose)
  }
}

function reasonOf(error: unknown): string {
  if (typeof error === "string") return error
  return error instanceof Error && "code" in error ? String(error.code) : "not verified"
}

/** 127.0.0.0/8 and ::1, also as an IPv4-mapped address. */
export function isLoopbackAddress(address: string | undefined): boolean {
  return address === "::1" || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(address ?? "")
}
