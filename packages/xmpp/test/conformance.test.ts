import { describeTransport, type TransportSubject } from "@aurochs/conformance"
import { ours } from "./support/harness.ts"
import { router } from "./support/router.ts"
import { scriptedServer } from "./support/scripted-server.ts"
import { webSocketGate } from "./support/websocket.ts"

async function two(kind: "tcp" | "websocket" | "without XEP-0198"): Promise<TransportSubject> {
  const server = await scriptedServer()
  server.script = { ...router(() => server.connections), management: kind !== "without XEP-0198" }
  const gate = kind === "websocket" ? await webSocketGate(server.port) : undefined
  const [a, b] = [ours(gate ?? server), ours(gate ?? server, { jid: "bob@example.test" })]
  return {
    a,
    b,
    async dispose() {
      await a[Symbol.asyncDispose]()
      await b[Symbol.asyncDispose]()
      await gate?.[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

describeTransport("xmpp over TCP", () => two("tcp"))
describeTransport("xmpp over WebSocket", () => two("websocket"))
describeTransport("xmpp over TCP, server without XEP-0198", () => two("without XEP-0198"))
