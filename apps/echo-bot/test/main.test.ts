import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url))

test.each(["SIGINT", "SIGTERM"] as const)(
  "waits for a server that is away, and ends cleanly on %s",
  async (signal) => {
    const folder = await mkdtemp(join(tmpdir(), "aurochs-echo-"))
    // Takes connections and hangs up: the bot has been there when one came.
    const server = createServer((socket) => socket.destroy())
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    const called = once(server, "connection")
    const env = { ...process.env, BOT_JID: "bot@ox.test", BOT_PASSWORD: "x", BOT_SERVICE: `xmpp://127.0.0.1:${port}` }
    const child = spawn(process.execPath, [main], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] })
    try {
      let said = ""
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString()
      })
      await called
      const ended = once(child, "exit")
      child.kill(signal)
      expect([await ended, said]).toEqual([[0, null], ""])
    } finally {
      child.kill("SIGKILL")
      server.close()
      await rm(folder, { recursive: true })
    }
  },
  20_000,
)
