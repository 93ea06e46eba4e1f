import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { debianPrograms } from "@aurochs/debian-programs"
import { describe, expect, it } from "vitest"
import { needs } from "../rig/needs.ts"
import { eventually, run, start } from "../rig/processes.ts"
import { PROSODY_PACKAGES, startProsody } from "../rig/prosody.ts"

const PROGRAM = fileURLToPath(new URL("../../apps/cli/dist/main.js", import.meta.url))

const world = needs({
  name: "prosody",
  programs: () => debianPrograms(PROSODY_PACKAGES),
  async start(programs, folder) {
    const prosody = await startProsody({ folder, programs, users: ["juliet", "romeo"] })
    return { prosody, folder, stop: () => prosody.stop() }
  },
})

const envOf = (user: string, home: string) => ({
  ...process.env,
  AUROCHS_HOME: join(world.it.folder, home),
  AUROCHS_PASSWORD: `pw-${user}`,
  AUROCHS_PASSPHRASE: "wherefore art thou",
  NODE_EXTRA_CA_CERTS: world.it.prosody.caFile,
})

async function cli(user: string, home: string, ...args: readonly string[]) {
  const command = [PROGRAM, ...args, "--service", world.it.prosody.service, "--json"]
  const result = await run(process.execPath, command, { input: "", env: envOf(user, home) })
  const json = result.stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]))
  return { ...result, json: json as Record<string, unknown>[] }
}

describe("XEP-0434, XEP-0450: trust messages of the command line, on Prosody", { timeout: 180_000 }, () => {
  const desktop = (...args: readonly string[]) => cli("juliet", "desktop", ...args)
  const laptop = (...args: readonly string[]) => cli("juliet", "laptop", ...args)
  const approvalAtLaptop = async (print: string) => {
    const known = (await laptop("contact", "list", "romeo@ox.test")).json
    return known.find((one) => one.fingerprint === print)?.approval
  }
  let romeo: string

  it("without --tell nothing is sent", async () => {
    await desktop("key", "generate", "--jid", "juliet@ox.test")
    await desktop("key", "announce")
    await cli("romeo", "romeo", "key", "generate", "--jid", "romeo@ox.test")
    romeo = (await cli("romeo", "romeo", "key", "announce")).json[0]?.fingerprint as string
    const file = join(world.it.folder, "juliet.pgp")
    expect((await desktop("key", "export", "--secret", "--out", file)).code).toBe(0)
    expect((await laptop("key", "import", file, "--jid", "juliet@ox.test")).code).toBe(0)
    for (const home of [desktop, laptop]) expect((await home("contact", "lookup", "romeo@ox.test")).code).toBe(0)
    expect((await desktop("contact", "trust", "romeo@ox.test", romeo)).code).toBe(0)
    expect(await world.it.prosody.openpgpMessages()).toEqual([])
    expect((await desktop("contact", "trust", "romeo@ox.test", romeo, "--undo", "--tell")).code).toBe(2)
  })

  it("R54: --tell tells the other client, sealed, and it believes it where it was told to", async () => {
    const args = ["listen", "--trust-messages", "--json", "--service", world.it.prosody.service]
    const listening = start(process.execPath, [PROGRAM, ...args], { env: envOf("juliet", "laptop") })
    await listening.waitFor(/own key ready/)
    expect(await approvalAtLaptop(romeo)).toBe("none")
    const told = await desktop("contact", "trust", "romeo@ox.test", romeo, "--tell")
    expect([told.code, told.stderr]).toEqual([0, expect.stringContaining("told your other clients")])
    await eventually("the laptop believes it", async () =>
      (await approvalAtLaptop(romeo)) === "verified" ? true : undefined,
    )
    expect((await desktop("contact", "distrust", "romeo@ox.test", romeo, "--tell")).code).toBe(0)
    await eventually("and the contrary", async () =>
      (await approvalAtLaptop(romeo)) === "distrusted" ? true : undefined,
    )
    await listening.stop("SIGINT")
    const sent = await world.it.prosody.openpgpMessages()
    expect(sent.length).toBeGreaterThan(0)
    expect(sent.join("\n")).not.toContain("urn:xmpp:tm:1")
    expect((await world.it.prosody.log()).match(/urn:xmpp:(?:tm|atm):1/g)).toBeNull()
  })

  it("without --trust-messages what is told changes nothing", async () => {
    expect((await laptop("contact", "trust", "romeo@ox.test", romeo, "--undo")).code).toBe(0)
    const args = ["listen", "--json", "--service", world.it.prosody.service]
    const listening = start(process.execPath, [PROGRAM, ...args], { env: envOf("juliet", "laptop") })
    await listening.waitFor(/own key ready/)
    expect((await desktop("contact", "distrust", "romeo@ox.test", romeo, "--tell")).code).toBe(0)
    await listening.waitFor(/"kind":"secure"/)
    expect(await approvalAtLaptop(romeo)).toBe("none")
    await listening.stop("SIGINT")
  })
})
