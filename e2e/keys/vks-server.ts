import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as pgp from "openpgp"

/** A verifying key server in memory, as far as its published interface says what it does. */
export interface VksServer extends AsyncDisposable {
  readonly port: number
  /** Method and target of each request. */
  readonly asked: string[]
  /**
   * Puts a certificate there under these addresses.
   *
   * @param how `stripped` (default): without User IDs, as the real one gives out what nobody verified
   */
  publish(bytes: Uint8Array, addresses: readonly string[], how?: "stripped" | "whole"): Promise<void>
  /** The owner of an address follows the link in the mail. */
  click(address: string): void
  /** From now on it says this to everybody. */
  answerWith(answer: { status: number; body: string | Uint8Array; headers?: Record<string, string> }): void
}

interface Kept {
  readonly fingerprint: string
  readonly keyIds: readonly string[]
  readonly armored: string
  readonly status: Record<string, string>
}

export async function vksServer(): Promise<VksServer> {
  const kept = new Map<string, Kept>()
  const asked: string[] = []
  let fixed: { status: number; body: string | Uint8Array; headers?: Record<string, string> } | undefined

  const keep = async (bytes: Uint8Array, how: "stripped" | "whole", status: Record<string, string>) => {
    const key = await pgp.readKey({ binaryKey: bytes })
    const keyIds = key.getKeyIDs().map((id) => id.toHex().toUpperCase())
    if (how === "stripped") key.users = []
    const one = { fingerprint: key.getFingerprint().toUpperCase(), keyIds, armored: key.armor(), status }
    kept.set(one.fingerprint, one)
    return one
  }

  const find = (path: string): Kept | undefined => {
    const [, by, what = ""] = /^\/vks\/v1\/(by-[a-z]+)\/([^/]+)$/.exec(path) ?? []
    const all = [...kept.values()]
    if (by === "by-fingerprint") return kept.get(what)
    if (by === "by-keyid") return all.find((one) => one.keyIds.includes(what))
    return by === "by-email" ? all.find((one) => one.status[decodeURIComponent(what)] === "published") : undefined
  }

  const post = async (path: string, body: string) => {
    const question = JSON.parse(body) as { keytext?: string; token?: string; addresses?: string[] }
    if (path === "/vks/v1/upload") {
      const key = await pgp.readKey({ armoredKey: question.keytext ?? "" })
      const addresses = key.getUserIDs().filter((text) => /^[^\s:@]+@[^\s@]+$/.test(text))
      const status = Object.fromEntries(addresses.map((address) => [address, "unpublished"]))
      return keep(key.write(), "stripped", status)
    }
    const one = kept.get(question.token ?? "")
    for (const address of question.addresses ?? []) if (one?.status[address]) one.status[address] = "pending"
    return one
  }

  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", async () => {
      if (fixed !== undefined) {
        response.writeHead(fixed.status, fixed.headers).end(fixed.body)
        return
      }
      if (request.method === "POST") {
        const one = await post(request.url ?? "", Buffer.concat(chunks).toString())
        const answer = one && { key_fpr: one.fingerprint, token: one.fingerprint, status: one.status }
        response.writeHead(answer === undefined ? 400 : 200, { "content-type": "application/json" })
        response.end(JSON.stringify(answer ?? { error: "no such token" }))
        return
      }
      const one = find(request.url ?? "")
      response.writeHead(one === undefined ? 404 : 200, {
        "content-type": one === undefined ? "text/plain" : "application/pgp-keys",
      })
      response.end(one?.armored ?? "No key found")
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async publish(bytes, addresses, how = "stripped") {
      await keep(bytes, how, Object.fromEntries(addresses.map((address) => [address, "published"])))
    },
    click(address) {
      for (const one of kept.values()) if (one.status[address] === "pending") one.status[address] = "published"
    },
    answerWith(answer) {
      fixed = answer
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
