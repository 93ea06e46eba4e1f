import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { programOr } from "@aurochs/debian-programs"

/** A server on 127.0.0.1 that does what a test says. */
export interface WebServer extends AsyncDisposable {
  readonly port: number
  /** Method and target of each request. */
  readonly asked: string[]
}

export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** Answers over plain HTTP, or over TLS if a certificate is given. */
export async function webServer(handler: Handler, tls?: { key: string; cert: string }): Promise<WebServer> {
  const asked: string[] = []
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method} ${request.url}`)
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => handler(request, response, Buffer.concat(chunks).toString()))
  }
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

/** A certificate that is its own authority; undefined where there is no openssl. */
export async function selfSigned(name: string): Promise<{ key: string; cert: string } | undefined> {
  const openssl = await programOr("openssl", "openssl")
  if (openssl.missing !== undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), "aurochs-tls-"))
  try {
    const [key, cert] = [join(folder, "key"), join(folder, "cert")]
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    const names = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`]
    const args = ["req", "-x509", ...curve, "-keyout", key, "-out", cert, ...names]
    execFileSync(openssl.path, args, { stdio: "ignore", env: { ...process.env, ...openssl.env } })
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
