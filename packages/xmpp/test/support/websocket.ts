import { createHash } from "node:crypto"
import { createServer } from "node:http"
import { connect, type Socket } from "node:net"
import { element } from "@aurochs/core"
import { createStreamParser, namespaces, parseXml, serializeXml } from "@aurochs/xml"

const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"

/** XMPP over WebSocket (RFC 7395) in front of a server that speaks TCP. */
export async function webSocketGate(
  port: number,
): Promise<AsyncDisposable & { readonly service: string; readonly frames: string[] }> {
  const frames: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer()
  server.on("upgrade", (request, socket: Socket) => {
    sockets.add(socket)
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64")
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    const upstream = connect(port, "127.0.0.1")
    sockets.add(upstream)
    const parserOf = () =>
      createStreamParser({
        open: (header) =>
          send(serializeXml(element("open", FRAMING, { from: header.attributes.from, version: "1.0" }))),
        element: (one) => send(serializeXml(one)),
        close: () => send(`<close xmlns='${FRAMING}'/>`),
      })
    let parser = parserOf()
    const send = (text: string) => void socket.write(frameOf(text))
    upstream.on("data", (chunk) => parser.write(chunk))
    upstream.on("error", () => {}).on("close", () => socket.destroy())
    socket.on("error", () => {}).on("close", () => upstream.destroy())
    readFrames(socket, (text) => {
      frames.push(text)
      const one = parseXml(text)
      if (one.namespace !== FRAMING) upstream.write(text)
      else if (one.name === "close") upstream.write("</stream:stream>")
      else {
        parser = parserOf()
        upstream.write(
          `<?xml version='1.0'?><stream:stream xmlns='${namespaces.client}' xmlns:stream='${namespaces.streams}' to='${one.attributes.to}' version='1.0'>`,
        )
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  return {
    service: `ws://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/xmpp`,
    frames,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** RFC 6455 §5.2, as far as a test needs it. */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10)
  header[0] = 0x81
  if (header.length === 2) header[1] = payload.length
  else if (header.length === 4) {
    header[1] = 126
    header.writeUInt16BE(payload.length, 2)
  } else {
    header[1] = 127
    header.writeBigUInt64BE(BigInt(payload.length), 2)
  }
  return Buffer.concat([header, payload])
}

function readFrames(socket: Socket, onText: (text: string) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      if (rest.length < 6) return
      const short = (rest[1] ?? 0) & 0x7f
      const size = short < 126 ? 0 : short === 126 ? 2 : 8
      if (rest.length < 6 + size) return
      const length = size === 0 ? short : size === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
      const start = 6 + size
      if (rest.length < start + length) return
      const mask = rest.subarray(2 + size, start)
      const payload = rest.subarray(start, start + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0))
      const opcode = (rest[0] ?? 0) & 0x0f
      rest = rest.subarray(start + length)
      if (opcode === 1) onText(Buffer.from(payload).toString("utf8"))
      else if (opcode === 8) socket.end(Buffer.from([0x88, 0]))
    }
  })
}
