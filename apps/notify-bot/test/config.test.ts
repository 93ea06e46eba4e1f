import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isAurochsError } from "@aurochs/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadConfig, loadStoreConfig } from "../src/config.ts"
import { openSources } from "../src/sources.ts"

const token = "0123456789abcdef0123456789abcdef"
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-config-"))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

async function refusal(name: string, text: string, environment = {}): Promise<{ field: string; message: string }> {
  try {
    await loadConfig(await file(name, text), environment)
  } catch (error) {
    if (isAurochsError(error, "CONFIGURATION")) return { field: error.details.field, message: error.message }
    throw error
  }
  throw new Error("it was accepted")
}

const minimal = `account: { jid: Bot@Example.ORG, password: secret }
webhook: { token: ${token} }
recipients: [{ jid: ops@example.org }]
`

describe("configuration", () => {
  it("fills in the defaults: 127.0.0.1, a folder beside the file, embedded database", async () => {
    const config = await loadConfig(await file("minimal.yaml", minimal), {})
    expect(config.jid).toBe("bot@example.org")
    expect(config.webhook).toEqual({ host: "127.0.0.1", port: 9095, token, maxBodyBytes: 1_048_576 })
    expect(config.storage).toEqual({ folder: join(folder, "aurochs-notify"), databaseUrl: undefined })
  })

  it("reads TOML, too", async () => {
    const toml = `[account]\njid = "bot@example.org"\npassword = "x"\n[webhook]\ntoken = "${token}"\n[[recipients]]\njid = "ops@example.org"\nfingerprints = ["1357 B018 65B2 503C 1845  3D20 8CAC 2A96 7854 8E35"]\n`
    const config = await loadConfig(await file("c.toml", toml), {})
    expect(config.recipients).toEqual([
      { jid: "ops@example.org", fingerprints: ["1357B01865B2503C18453D208CAC2A9678548E35"] },
    ])
  })

  it("takes secrets from files it names and from *_FILE variables", async () => {
    await file("pw", "from file\n")
    await file("tok", `${token}\n`)
    const text = "account: { jid: bot@example.org, passwordFile: pw }\nrecipients: [{ jid: ops@example.org }]\n"
    const config = await loadConfig(await file("files.yaml", text), { AUROCHS_WEBHOOK_TOKEN_FILE: join(folder, "tok") })
    expect([config.password, config.webhook.token]).toEqual(["from file", token])
  })

  it("sources of keys: none by default, each with what it may do; what cannot be is named", async () => {
    expect((await loadConfig(await file("none.yaml", minimal), {})).sources).toEqual([])
    const text = `${minimal}sources:
  - { source: wkd, use: bind }
  - { source: dns, use: bind, resolvers: [127.0.0.1] }
  - { source: hkp, server: "https://keys.example", upload: true }
  - { source: vks }
`
    const { sources } = await loadConfig(await file("sources.yaml", text), {})
    expect(sources).toMatchObject([
      { source: "wkd", mayBind: true },
      { source: "dns", mayBind: true, resolvers: ["127.0.0.1"] },
      { source: "hkp", mayBind: false, server: "https://keys.example", upload: true },
      { source: "vks", mayBind: false, upload: false },
    ])
    const opened = await openSources(sources)
    expect(opened.map(({ directory, mayBind }) => [directory.name, mayBind, directory.publish !== undefined])).toEqual([
      ["wkd", true, false],
      ["dns", true, false],
      ["hkp", false, true],
      ["vks", false, false],
    ])
    for (const { directory } of opened) expect(directory.notice).toContain(`${directory.name}: `)
    const wrong = async (source: string) => (await refusal("wrong.yaml", `${minimal}sources: [${source}]\n`)).message
    expect(await wrong("{ source: ldap }")).toContain("sources.0.source: must be wkd, dns, hkp or vks")
    expect(await wrong("{ source: hkp }")).toContain("sources.0.server is missing")
    expect(await wrong("{ source: vks, use: bind }")).toContain('sources.0.use: must be "refresh"')
    expect(await wrong("{ source: wkd, upload: true }")).toContain("sources.0.upload is no known setting")
    const elsewhere = openSources([{ source: "hkp", server: "http://keys.example", mayBind: false }])
    await expect(elsewhere).rejects.toMatchObject({ code: "CONFIGURATION", details: { field: "sources.0.server" } })
  })

  it("trust messages: not unless somebody switches them on", async () => {
    expect((await loadConfig(await file("trust.yaml", minimal), {})).trustMessages).toBe(false)
    const on = await loadConfig(await file("trust-on.yaml", `${minimal}trust: { messages: true }\n`), {})
    expect(on.trustMessages).toBe(true)
    expect((await refusal("trust-wrong.yaml", `${minimal}trust: { messages: sometimes }\n`)).field).toBe(
      "trust.messages",
    )
    expect((await refusal("trust-unknown.yaml", `${minimal}trust: { policy: blind }\n`)).field).toBe("trust.policy")
  })

  it("names an unknown field", async () => {
    expect(await refusal("unknown.yaml", `${minimal}webhok: {}\n`)).toEqual({
      field: "webhok",
      message: `${join(folder, "unknown.yaml")}: webhok is no known setting`,
    })
  })

  it("names a missing field", async () => {
    expect((await refusal("missing.yaml", "account: {}\nrecipients: [{ jid: a@b }]\n")).message).toContain(
      "account.jid is missing",
    )
  })

  it("refuses a token under 32 characters and says how to make one", async () => {
    const short = await refusal("short.yaml", minimal.replace(token, token.slice(1)))
    expect(short.field).toBe("webhook.token")
    expect(short.message).toContain("openssl rand -hex 32")
  })

  it("refuses a broken file with the place in it", async () => {
    expect((await refusal("broken.yaml", "account: [\n")).message).toMatch(/no valid YAML: .+line/)
    expect((await refusal("broken.toml", "account = \n")).message).toMatch(/no valid TOML/)
  })

  it("refuses a wrong address, a wrong fingerprint and a recipient named twice", async () => {
    expect((await refusal("jid.yaml", minimal.replace("ops@example.org", "ops@@example.org"))).field).toBe(
      "recipients.0.jid",
    )
    const finger = minimal.replace("jid: ops@example.org", "jid: ops@example.org, fingerprints: [abc]")
    expect((await refusal("fpr.yaml", finger)).field).toBe("recipients.0.fingerprints.0")
    const twice = minimal.replace("[{ jid: ops@example.org }]", "[{ jid: ops@example.org }, { jid: OPS@example.org }]")
    expect((await refusal("twice.yaml", twice)).message).toBe("ops@example.org is named twice in recipients")
  })

  it("needs neither password nor token to open the stores", async () => {
    const text = "account: { jid: bot@example.org }\nrecipients: [{ jid: ops@example.org }]\n"
    const config = await loadStoreConfig(await file("store.yaml", text), { DATABASE_URL: "postgres://127.0.0.1/x" })
    expect(config.storage.databaseUrl).toBe("postgres://127.0.0.1/x")
  })
})
