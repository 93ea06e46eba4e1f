import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

/** A TCP proxy on 127.0.0.1 whose connections break on command. */
export interface TcpProxy {
  readonly port: number
  /** Connections accepted so far. */
  accepted(): number
  /**
   * Ends every connection at once, as a lost network does.
   *
   * @param how `reset` (default): what was on its way to the server is gone; `end`: it reads that to the end first
   */
  cut(how?: "reset" | "end"): void
  /** Connections stay open and nothing passes any more, in neither direction. New connections work. */
  stall(): void
  /** While true, new connections are reset. */
  refuse(yes: boolean): void
  stop(): Promise<void>
}

/** Passes connections on to a port of 127.0.0.1. */
export async function startProxy(target: number): Promise<TcpProxy> {
  const open = new Set<readonly [Socket, Socket]>()
  const stalled = new WeakSet<readonly [Socket, Socket]>()
  let accepted = 0
  let refusing = false
  const server = createServer((client) => {
    client.on("error", () => {})
    if (refusing) {
      client.resetAndDestroy()
      return
    }
    accepted++
    const upstream = connect(target, "127.0.0.1")
    const pair = [client, upstream] as const
    open.add(pair)
    upstream.on("error", () => {})
    client.pipe(upstream)
    upstream.pipe(client)
    for (const socket of pair) {
      socket.once("close", () => {
        // A stalled side does not tell the other one.
        if (stalled.has(pair)) return
        if (open.delete(pair)) for (const each of pair) each.destroy()
      })
    }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const cut = (how: "reset" | "end" = "reset") => {
    for (const pair of open) {
      open.delete(pair)
      const [client, upstream] = pair
      client.unpipe(upstream).resetAndDestroy()
      if (how === "end") upstream.destroySoon()
      else upstream.resetAndDestroy()
    }
  }
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    cut,
    stall() {
      for (const pair of open) {
        stalled.add(pair)
        const [client, upstream] = pair
        client.unpipe(upstream).pause()
        upstream.unpipe(client).pause()
      }
    },
    refuse(yes) {
      refusing = yes
    },
    async stop() {
      cut()
      server.close()
      await once(server, "close")
    },
  }
}
