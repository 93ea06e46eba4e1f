import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bareJid } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { debianPrograms } from "@aurochs/debian-programs"
import { pepDirectory } from "@aurochs/keys"
import { recordName } from "@aurochs/keys/dns"
import { hkpDirectory } from "@aurochs/keys/hkp"
import { xmpp } from "@aurochs/xmpp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { dnssecPrograms, startSignedDns } from "../rig/dnssec.ts"
import { needs } from "../rig/needs.ts"
import { nginxPrograms, startNginx } from "../rig/nginx.ts"
import { run } from "../rig/processes.ts"
import { PROSODY_PACKAGES, startProsody } from "../rig/prosody.ts"
import { sksPrograms, startSks } from "../rig/sks.ts"
import { makeKey } from "./people.ts"
import { type VksServer, vksServer } from "./vks-server.ts"

const PROGRAM = fileURLToPath(new URL("../../apps/cli/dist/main.js", import.meta.url))
const provider = openpgpjs()
const juliet = bareJid("juliet@ox.test")
const [announced, elsewhere, mail] = [
  await makeKey(provider, juliet),
  await makeKey(provider, juliet),
  await makeKey(provider, juliet, { userId: "juliet@ox.test" }),
]
/** The same localpart under a domain whose zone is signed. */
const signed = bareJid("juliet@signed.test")
const inDns = await makeKey(provider, signed)

const prosody = needs({
  name: "prosody",
  programs: () => debianPrograms(PROSODY_PACKAGES),
  start: (programs, folder) => startProsody({ folder, programs, users: ["juliet", "romeo"] }),
})
const sks = needs({ name: "sks", programs: sksPrograms, start: startSks })
const web = needs({
  name: "nginx",
  programs: nginxPrograms,
  start: (programs, folder) => startNginx(programs, folder, ["openpgpkey.ox.test"]),
})
const dns = needs({
  name: "dnssec",
  programs: dnssecPrograms,
  start: (programs, folder) => {
    const record = `${recordName(signed)}. OPENPGPKEY ${Buffer.from(inDns.small.bytes).toString("base64")}`
    return startSignedDns(programs, folder, [{ name: "signed.test", signed: true, records: [record] }])
  },
})
const home = needs({
  name: "cli-home",
  programs: () => debianPrograms({ openssl: "openssl" }),
  start: async (_, folder) => ({ folder, stop: async () => {} }),
})
let vks: VksServer

/** Runs `aurochs contact lookup`; JSON lines and what was said on the side. */
async function lookup(jid: string, args: readonly string[], o: { account?: string } = {}) {
  const account = o.account === undefined ? [] : ["--account", o.account, "--service", prosody.it.service]
  const env = {
    ...process.env,
    AUROCHS_HOME: join(home.it.folder, o.account ?? "nobody"),
    AUROCHS_PASSWORD: "pw-romeo",
    NODE_EXTRA_CA_CERTS: join(home.it.folder, "authorities.pem"),
    NO_PROXY: "*",
  }
  const command = ["contact", "lookup", jid, "--json", ...account, "--allow-private", "127.0.0.1", ...args]
  const { code, stdout, stderr } = await run(process.execPath, [PROGRAM, ...command], { env })
  const lines = stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]))
  return { code, lines, stderr }
}

beforeAll(async () => {
  vks = await vksServer()
})
afterAll(() => vks?.[Symbol.asyncDispose]())

/** Everything is where it belongs; once, before the first test that needs it. */
let stocked: Promise<void> | undefined
const stock = () => {
  stocked ??= (async () => {
    const { it: server } = prosody
    const authorities = [web.it.certificate.caFile, server.caFile]
    const pem = await Promise.all(authorities.map((file) => readFile(file, "utf8")))
    await writeFile(join(home.it.folder, "authorities.pem"), pem.join("\n"))
    const transport = xmpp({
      ...{ jid: juliet, password: "pw-juliet", service: server.service, ca: pem.join("\n") },
      firstConnection: "fail",
    })
    await pepDirectory({ transport, provider }).publish(announced.small)
    await transport[Symbol.asyncDispose]()
    const hkp = hkpDirectory({ server: sks.it.url, allowPrivate: ["127.0.0.1"], proxy: "none", upload: true })
    await hkp.publish?.(elsewhere.small)
    const folder = join(web.it.folderOf("openpgpkey.ox.test"), ".well-known/openpgpkey/ox.test/hu")
    await mkdir(folder, { recursive: true })
    await writeFile(
      join(folder, "qnnn69mkx5pk34x4hur3b6yeh7c3ndkd"),
      Buffer.concat([mail.small.bytes, elsewhere.small.bytes]),
    )
    await vks.publish(announced.small.bytes, [])
  })()
  return stocked
}

const connectTo = () => ["--connect-to", `openpgpkey.ox.test=127.0.0.1:${web.it.port}`]

describe("aurochs contact lookup", () => {
  test("pep: bound to the account, and used", async () => {
    await stock()
    const { code, lines, stderr } = await lookup(juliet, [], { account: "romeo@ox.test" })
    expect([code, stderr]).toEqual([0, ""])
    expect(lines).toMatchObject([
      {
        ...{
          owner: juliet,
          fingerprint: announced.small.fingerprint,
          source: "pep",
          binds: "account",
          announced: true,
        },
        ...{ userIds: [{ text: `xmpp:${juliet}`, status: "valid" }], canEncrypt: true, algorithm: "ed25519Legacy" },
        createdAt: "2026-11-01T00:00:00.000Z",
        decision: { use: "encrypt+verify", level: "blind", because: "first-key" },
      },
    ])
  })

  test("wkd without an account: candidates, and one without an xmpp: User ID that never becomes a key (R17)", async () => {
    await stock()
    const { code, lines, stderr } = await lookup(juliet, ["--via", "wkd", ...connectTo()])
    expect(code).toBe(0)
    expect(stderr).toMatch(/wkd: the web server of the contact's domain/)
    expect(lines).toMatchObject([
      {
        ...{
          source: "wkd",
          binds: "https-domain",
          fingerprint: mail.small.fingerprint,
          userIds: [{ text: "juliet@ox.test" }],
        },
        decision: { use: "never", because: "no-user-id" },
      },
      {
        fingerprint: elsewhere.small.fingerprint,
        announced: false,
        decision: { use: "never", because: "not-announced" },
      },
    ])
  })

  test("--bind lets the domain bind, for somebody who announces nothing", async () => {
    await stock()
    const { lines } = await lookup(juliet, ["--via", "wkd", "--bind", "wkd", ...connectTo()])
    expect(lines[1]).toMatchObject({ decision: { use: "encrypt+verify", level: "blind" } })
  })

  test("dns: validated by the resolver that was named", async () => {
    await stock()
    const { code, lines, stderr } = await lookup(signed, ["--via", "dns", "--dns-server", dns.it.resolver])
    expect(code).toBe(0)
    expect(stderr).toMatch(/dns: your resolver/)
    expect(lines).toMatchObject([{ source: "dns", binds: "dnssec", fingerprint: inDns.small.fingerprint }])
  })

  test("hkp: a candidate that anybody may have uploaded (A5)", async () => {
    await stock()
    const { code, lines, stderr } = await lookup(juliet, ["--via", "hkp", "--keyserver", sks.it.url])
    expect(code).toBe(0)
    expect(stderr).toMatch(/hkp: the key server 127\.0\.0\.1:\d+.*candidates/)
    expect(lines).toMatchObject([
      { source: "hkp", binds: "nothing", fingerprint: elsewhere.small.fingerprint, decision: { use: "never" } },
    ])
  })

  test("all of them: each certificate with its source, pep's alone is used; vks (scripted) refreshes it (A5)", async () => {
    await stock()
    const servers = ["--keyserver", sks.it.url, "--vks-server", `http://127.0.0.1:${vks.port}`, ...connectTo()]
    const args = ["--via", "pep,wkd,hkp,vks", "--bind", "wkd,dns", ...servers]
    const { code, lines } = await lookup(juliet, args, { account: "romeo@ox.test" })
    expect(code).toBe(0)
    expect(
      lines.map(({ source, fingerprint, decision }) => [source, fingerprint, (decision as { use: string }).use]),
    ).toEqual([
      ["pep", announced.small.fingerprint, "encrypt+verify"],
      ["wkd", mail.small.fingerprint, "never"],
      ["wkd", elsewhere.small.fingerprint, "never"],
      ["hkp", elsewhere.small.fingerprint, "never"],
      ["vks", announced.small.fingerprint, "encrypt+verify"],
    ])
    expect(vks.asked).toContain(`GET /vks/v1/by-fingerprint/${announced.small.fingerprint}`)
  })

  test("a source that is away is told, the others answer, and the exit code says it (A6)", async () => {
    await stock()
    const args = ["--via", "wkd,hkp", "--keyserver", "http://127.0.0.1:1", ...connectTo()]
    const { code, lines, stderr } = await lookup(juliet, args)
    expect(code).toBe(5)
    expect(lines).toHaveLength(3)
    expect(lines[2]).toMatchObject({ source: "hkp", error: { code: "NETWORK", details: { phase: "connect" } } })
    expect(stderr.trim().split("\n").at(-1)).toMatch(/no connection/)
  })

  test("a private address is refused (A34)", async () => {
    await stock()
    const env = { ...process.env, AUROCHS_HOME: join(home.it.folder, "x"), NO_PROXY: "*" }
    const command = [PROGRAM, "contact", "lookup", juliet, "--via", "wkd", ...connectTo()]
    expect(await run(process.execPath, command, { env })).toMatchObject({ code: 5 })
  })
})
