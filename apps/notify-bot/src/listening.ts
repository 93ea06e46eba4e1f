import type { Server } from "node:http"
import { AurochsError } from "@aurochs/core"
import { serve } from "@hono/node-server"

/** How long open requests have to end, once it stops; milliseconds. */
const DRAIN_MS = 2_000

/** A server that listens. When disposed it takes no new requests, and those that do not end soon are cut off. */
export interface Listening extends AsyncDisposable {
  readonly address: string
  readonly port: number
}

/**
 * Listens for HTTP requests.
 *
 * @param port 0 for a free one
 * @throws {AurochsError} `CONFIGURATION` if that cannot be listened on
 */
export function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port }, ({ address, port }) => {
      resolve({ address, port, [Symbol.asyncDispose]: () => close(server) })
    }) as Server
    server.once("error", () => {
      const message = `webhook.port: ${host}:${port} cannot be listened on; is another program there?`
      reject(new AurochsError("CONFIGURATION", message, { field: "webhook.port" }))
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((done) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
    // A connection that is kept alive after its last answer holds the server up, too.
    const hangUp = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearTimeout(cutOff)
      clearInterval(hangUp)
      done()
    })
  })
}
