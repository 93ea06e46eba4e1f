import { connect } from "node:net"
import { networkInterfaces } from "node:os"
import { element } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { isLoopbackAddress } from "../src/wire.ts"
import { bareClient, discard } from "./support/bare-client.ts"
import { certificateFor, type TestCertificate } from "./support/certificate.ts"
import { eventually, online, ours, rejection } from "./support/harness.ts"
import { scriptedServer } from "./support/scripted-server.ts"

let right: TestCertificate
let elsewhere: TestCertificate
beforeAll(async () => {
  right = await certificateFor("example.test")
  elsewhere = await certificateFor("elsewhere.test")
})

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl"

/** What the client said of itself before the connection ended. */
const names = (received: readonly { name: string; namespace: string }[]) => received.map(({ name }) => name)

describe("X1 the server proves that it knows the password", () => {
  for (const proof of ["none", "wrong"] as const) {
    test(`X1 <success/> with ${proof === "none" ? "no" : "a wrong"} SCRAM signature is refused, for good`, async () => {
      await using server = await scriptedServer({ proof })
      await using transport = ours(server)
      const error = await rejection(online(transport))
      expect(error).toMatchObject({ code: "AUTHENTICATION", details: { mechanism: "SCRAM-SHA-1" } })
      expect(transport.log.map(({ kind }) => kind)).toEqual(["failed"])
      expect(server.connections).toHaveLength(1)
      expect((await rejection(transport.send(element("presence", namespaces.client)))).code).toBe("AUTHENTICATION")
    })
  }

  test("X1 bare @xmpp/client goes online, unencrypted, with a server that proves nothing", async () => {
    await using server = await scriptedServer({ proof: "none", management: false })
    const bare = bareClient(server.service)
    await bare.start()
    expect(bare.status).toBe("online")
    expect(bare.isSecure()).toBe(false)
    await discard(bare)
  })

  test("X1 <success/> before any challenge is refused", async () => {
    await using server = await scriptedServer({
      onOpen(connection) {
        const mechanisms = element("mechanisms", sasl, {}, [element("mechanism", sasl, {}, ["SCRAM-SHA-1"])])
        connection.send(element("features", namespaces.streams, {}, [mechanisms]))
        setTimeout(() => connection.send(element("success", sasl)), 20)
        return true
      },
      password: "never asked for",
    })
    await using transport = ours(server)
    expect(["AUTHENTICATION"]).toContain((await rejection(online(transport))).code)
  })

  test("a server that asks for few iterations, or for too many, is refused", async () => {
    for (const iterations of [1, 4095, 2_000_000_000]) {
      await using server = await scriptedServer({ iterations: 4096 })
      await using transport = ours({
        service: (await tampered(server.port, (text) => text.replace("i=4096", `i=${iterations}`))).service,
      })
      expect((await rejection(online(transport))).code, String(iterations)).toBe("AUTHENTICATION")
    }
  })

  test("a server's nonce that does not continue ours is refused", async () => {
    await using server = await scriptedServer()
    const between = await tampered(server.port, (text) => text.replace(/^r=./, "r=~"))
    await using transport = ours(between)
    expect((await rejection(online(transport))).code).toBe("AUTHENTICATION")
  })
})

describe("login", () => {
  test("a wrong password is told at once, and not tried again", async () => {
    await using server = await scriptedServer({ password: "another" })
    await using transport = ours(server)
    const error = await rejection(online(transport))
    expect(error.code).toBe("AUTHENTICATION")
    expect(error.message).not.toContain("secret")
    expect(server.connections).toHaveLength(1)
  })

  test("a temporary failure of the login is tried again", async () => {
    await using server = await scriptedServer({
      refuse: ({ number }) => (number === 0 ? "temporary-auth-failure" : undefined),
    })
    await using transport = ours(server)
    await online(transport)
    expect(server.connections).toHaveLength(2)
    expect(transport.log[0]).toMatchObject({ kind: "disconnected", error: { code: "AUTHENTICATION" } })
  })

  for (const [mechanism, password] of [
    ["SCRAM-SHA-1", "pässwörd 漢 🐂"],
    ["PLAIN", "pässwörd 漢 🐂"],
    ["SCRAM-SHA-1", 'comma, equals="quote"'],
  ] as const) {
    test(`${mechanism} with the password ${password} and a name outside of ASCII`, async () => {
      await using server = await scriptedServer({ password, mechanisms: [mechanism] })
      await using transport = ours(server, { jid: "jürgen@example.test", password: async () => password })
      expect((await online(transport)).self).toBe("jürgen@example.test/r0")
    })
  }

  test("a server without a mechanism that we know is refused", async () => {
    await using server = await scriptedServer({ mechanisms: ["ANONYMOUS", "DIGEST-MD5"] })
    await using transport = ours(server)
    expect((await rejection(online(transport))).code).toBe("AUTHENTICATION")
  })

  test("a full JID asks for its resource; a conflict is not fought over", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { jid: "alice@example.test/bot" })
    await online(transport)
    const connection = await server.ready(0)
    expect(JSON.stringify(connection.received)).toContain('"children":["bot"]')
    const sessions = (async () => {
      for await (const _session of transport.sessions());
    })()
    connection.send(
      element("error", namespaces.streams, {}, [element("conflict", "urn:ietf:params:xml:ns:xmpp-streams")]),
    )
    expect(await rejection(sessions)).toMatchObject({ code: "CONFIGURATION", details: { field: "jid" } })
    expect(server.connections).toHaveLength(1)
  })

  const streamError = (name: string) =>
    element("error", namespaces.streams, {}, [element(name, "urn:ietf:params:xml:ns:xmpp-streams")])
  for (const name of ["host-unknown", "host-gone", "improper-addressing", "conflict"]) {
    test(`X13 ${name} before TLS is of nobody: it is tried again`, async () => {
      await using server = await scriptedServer({
        tls: "starttls",
        certificate: right,
        onOpen(connection) {
          if (connection.number > 0) return false
          connection.send(streamError(name))
          return true
        },
      })
      await using transport = ours(server, { tls: "required", ca: right.cert })
      expect((await online(transport)).secure).toBe(true)
      expect(transport.log[0]).toMatchObject({ kind: "disconnected", error: { code: "NETWORK" } })
      expect(server.connections).toHaveLength(2)
    })
  }

  test("X13 what is put behind <proceed/> in the clear is not of the server either", async () => {
    await using server = await scriptedServer({ tls: "starttls", certificate: right })
    let injections = 0
    const between = await tampered(
      server.port,
      (text) => text,
      (text) =>
        text.replace(/<proceed[^>]*>/, (proceed) =>
          injections++ > 0
            ? proceed
            : `${proceed}<error xmlns='http://etherx.jabber.org/streams'><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>`,
        ),
    )
    await using transport = ours(between, { tls: "required", ca: right.cert })
    await online(transport)
    expect(transport.log.map(({ kind }) => kind)).toEqual(["disconnected", "connected"])
  })

  test("host-unknown over TLS is for good, and so it is from this machine", async () => {
    for (const tls of ["starttls", "none"] as const) {
      await using server = await scriptedServer({
        tls,
        certificate: right,
        onOpen(connection) {
          if (connection.isSecure !== (tls === "starttls")) return false
          connection.send(streamError("host-unknown"))
          return true
        },
      })
      await using transport = ours(server, tls === "none" ? {} : { tls: "required", ca: right.cert })
      expect(await rejection(online(transport))).toMatchObject({ code: "CONFIGURATION", details: { field: "jid" } })
      expect(server.connections).toHaveLength(1)
    }
  })

  test("conflict over TLS before the login is tried again: there is nothing yet that it could be about", async () => {
    await using server = await scriptedServer({
      tls: "direct",
      certificate: right,
      onOpen(connection) {
        if (connection.number > 0) return false
        connection.send(streamError("conflict"))
        return true
      },
    })
    await using transport = ours(server, { tls: "required", ca: right.cert })
    await online(transport)
    expect(transport.log[0]).toMatchObject({ kind: "disconnected", error: { code: "NETWORK" } })
  })

  test("malformed settings are told by xmpp() itself", () => {
    expect(() => ours({ service: "x" }, { jid: "no-localpart.test" })).toThrow(/JID/)
    expect(() => ours({ service: "x" }, { keepaliveMs: 0 })).toThrow(/keepaliveMs/)
  })

  test("a service that is none is CONFIGURATION", async () => {
    await using transport = ours({ service: "https://example.test" })
    expect(await rejection(online(transport))).toMatchObject({ code: "CONFIGURATION", details: { field: "service" } })
  })
})

describe("X1 TLS", () => {
  test("X1 no TLS where it is required: refused before anything of the login was sent", async () => {
    await using server = await scriptedServer({ tls: "none" })
    await using transport = ours(server, { tls: "required" })
    expect(await rejection(online(transport))).toMatchObject({ code: "NETWORK", details: { phase: "tls" } })
    expect(names(server.connections[0]?.received ?? [])).toEqual([])
  })

  test("X1 off loopback TLS is required: judged by the address that was reached", () => {
    for (const address of ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
      expect(isLoopbackAddress(address)).toBe(true)
    for (const address of ["10.0.0.1", "128.0.0.1", "::2", "::ffff:10.0.0.1", "127.0.0.1.evil.test", "", undefined]) {
      expect(isLoopbackAddress(address)).toBe(false)
    }
  })

  test("X1 ws:// off loopback is refused without connecting", async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((one) => one && !one.internal && one.family === "IPv4")?.address
    await using transport = ours({ service: `ws://${address ?? "192.0.2.1"}:9/ws` })
    expect(await rejection(online(transport))).toMatchObject({ code: "NETWORK", details: { phase: "tls" } })
  })

  for (const tls of ["starttls", "direct"] as const) {
    test(`${tls}: a session over TLS with the domain's certificate is secure`, async () => {
      await using server = await scriptedServer({ tls, certificate: right })
      await using transport = ours(server, { tls: "required", ca: right.cert })
      expect((await online(transport)).secure).toBe(true)
      expect((await server.ready(0)).isSecure).toBe(true)
    })

    test(`${tls}: X1 a certificate for another domain is refused, whatever host was connected to`, async () => {
      await using server = await scriptedServer({ tls, certificate: elsewhere })
      await using transport = ours(server, { tls: "required", ca: elsewhere.cert })
      const error = await rejection(online(transport))
      expect(error).toMatchObject({ code: "NETWORK", details: { phase: "tls" } })
      expect(error.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID")
      expect(names(server.connections[0]?.received ?? [])).not.toContain("auth")
    })

    test(`${tls}: X1 a certificate that nobody vouches for is refused`, async () => {
      await using server = await scriptedServer({ tls, certificate: right })
      await using transport = ours(server, { tls: "required", ca: elsewhere.cert })
      expect(await rejection(online(transport))).toMatchObject({ code: "NETWORK", details: { phase: "tls" } })
      expect(names(server.connections[0]?.received ?? [])).not.toContain("auth")
    })
  }

  test("on loopback an unknown certificate is put up with, and the session is not called secure", async () => {
    await using server = await scriptedServer({ tls: "starttls", certificate: right })
    await using transport = ours(server)
    expect((await online(transport)).secure).toBe(false)
    expect((await server.ready(0)).isSecure).toBe(true)
  })

  test("what an attacker sends in the clear behind <proceed/> is not believed", async () => {
    await using server = await scriptedServer({ tls: "starttls", certificate: right })
    const injected =
      "<features xmlns='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></features>"
    const between = await tampered(
      server.port,
      (text) => text,
      (text) => text.replace(/(<proceed[^>]*>)/, `$1${injected}`),
    )
    await using transport = ours(between, { tls: "required", ca: right.cert })
    await online(transport)
    const auth = await (await server.ready(0)).got(({ name }) => name === "auth")
    expect(auth.attributes.mechanism).toBe("SCRAM-SHA-1")
  })
})

describe("X13 see-other-host", () => {
  const seeOther = (host: string) =>
    element("error", namespaces.streams, {}, [
      element("see-other-host", "urn:ietf:params:xml:ns:xmpp-streams", {}, [host]),
    ])

  test("X13 an unauthenticated redirection is not followed", async () => {
    await using trap = await scriptedServer()
    await using server = await scriptedServer({
      onOpen(connection) {
        connection.send(seeOther(`127.0.0.1:${trap.port}`))
        return true
      },
    })
    await using transport = ours(server)
    void online(transport).catch(() => {})
    await eventually("another attempt", () => server.connections.length >= 3)
    expect(trap.connections).toHaveLength(0)
    expect(transport.log[0]).toMatchObject({ kind: "disconnected", error: { code: "NETWORK" } })
  })

  test("X13 bare @xmpp/client follows it", async () => {
    await using trap = await scriptedServer({ silent: true })
    await using server = await scriptedServer({
      onOpen(connection) {
        connection.send(seeOther(`127.0.0.1:${trap.port}`))
        return true
      },
    })
    const bare = bareClient(server.service)
    bare.start().catch(() => {})
    await trap.accepted(0)
    await discard(bare)
  })
})

/** Somebody in the middle who changes SCRAM's challenges, or the text from the server. */
const open: { close(): void }[] = []
afterAll(() => {
  for (const one of open) one.close()
})
async function tampered(
  port: number,
  challenge: (text: string) => string,
  text: (text: string) => string = (same) => same,
): Promise<{ service: string }> {
  const { createServer } = await import("node:net")
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1")
    client.on("error", () => {}).on("close", () => upstream.destroy())
    upstream.on("error", () => {}).on("close", () => client.destroy())
    client.pipe(upstream)
    upstream.on("data", (chunk) => {
      const changed = text(chunk.toString("latin1")).replace(/(<challenge[^>]*>)([^<]*)/g, (_all, tag, data) => {
        const plain = Buffer.from(data, "base64").toString()
        return `${tag}${Buffer.from(challenge(plain)).toString("base64")}`
      })
      client.write(Buffer.from(changed, "latin1"))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  open.push(server)
  const address = server.address()
  return { service: `xmpp://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}` }
}
