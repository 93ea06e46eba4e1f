import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { type Gnupg, gnupg, gnupgPrograms } from "../rig/gnupg.ts"
import { needs } from "../rig/needs.ts"
import { run } from "../rig/processes.ts"

// OpenKeychain is an app for Android and does not run here. GnuPG writes what its source says that a backup is: for each
// key its certificate and, where there is one, its secret key, armored one after another (of other people the certificate
// alone); all of that encrypted with a code of nine groups of four digits, armored with two headers about the code.

const PROGRAM = fileURLToPath(new URL("../../apps/cli/dist/main.js", import.meta.url))
const CODE = "1742-0185-6197-1303-7016-8412-3581-4441-0597"

const world = needs({
  name: "gnupg",
  programs: gnupgPrograms,
  async start(programs, folder) {
    const gpg = await gnupg(programs, join(folder, "gpg"))
    return { gpg, folder, stop: () => gpg.stop() }
  },
})

async function cli(home: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const result = await run(process.execPath, [PROGRAM, ...args, "--json"], {
    input: "",
    env: { ...process.env, AUROCHS_HOME: join(world.it.folder, home), AUROCHS_PASSPHRASE: "", ...env },
  })
  const json = result.stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]))
  return { ...result, prints: (json as { fingerprint: string }[]).map(({ fingerprint }) => fingerprint) }
}

const withHeader = (armored: string, headers: string) =>
  armored.replace(/^(-----BEGIN [^\n]*)\n\n/, `$1\n${headers}\n\n`)

/** A `.sec.pgp` of these keys, and of somebody else's certificate. */
async function backupOf(gpg: Gnupg, own: readonly string[], others: readonly string[]): Promise<string> {
  const parts: string[] = []
  for (const print of others) parts.push((await gpg.exportArmored(print)).certificate)
  for (const print of own) {
    const { certificate, secret } = await gpg.exportArmored(print)
    parts.push(certificate, withHeader(secret, "Version: BCPG v@RELEASE_NAME@"))
  }
  const sealed = await gpg.encryptWithPassword(parts.join(""), CODE)
  return withHeader(sealed, `Passphrase-Format: numeric9x4\nPassphrase-Begin: ${CODE.slice(0, 2)}`)
}

describe("a backup as OpenKeychain writes it", { timeout: 120_000 }, () => {
  it("several keys, certificates and a contact's among them, under a code of digits: the account's secret keys come in (R43)", async () => {
    const { gpg, folder } = world.it
    const own = [
      await gpg.makeKey("Juliet <juliet@ox.test>", "xmpp:juliet@ox.test"),
      await gpg.makeKey("Juliet at work <juliet@work.test>", "xmpp:juliet@ox.test"),
    ]
    const other = await gpg.makeKey("xmpp:romeo@ox.test")
    const file = join(folder, "backup_2026-11-26.sec.pgp")
    await writeFile(file, await backupOf(gpg, own, [other]))
    expect(await readFile(file, "latin1")).toContain("Passphrase-Begin: 17")
    const args = ["key", "import", file, "--jid", "juliet@ox.test", "--no-passphrase"]
    const wrong = await cli("wrong", args, { AUROCHS_BACKUP_CODE: CODE.replaceAll("-", "") })
    expect([wrong.code, wrong.prints]).toEqual([3, []])
    const imported = await cli("juliet", args, { AUROCHS_BACKUP_CODE: CODE })
    expect([imported.code, imported.prints.toSorted()]).toEqual([0, own.toSorted()])
    const exported = join(folder, "exported.sec")
    expect((await cli("juliet", ["key", "export", "--secret", "--out", exported])).code).toBe(0)
    expect(await openpgpjs().importSecret(await readFile(exported))).toHaveLength(2)
  })

  it("the same without a code around it: what the menu calls an unencrypted export", async () => {
    const { gpg, folder } = world.it
    const print = await gpg.makeKey("xmpp:nurse@ox.test")
    const { certificate, secret } = await gpg.exportArmored(print)
    const file = join(folder, "plain.sec.asc")
    await writeFile(file, `${certificate}${secret}`)
    const imported = await cli("nurse", ["key", "import", file, "--jid", "nurse@ox.test", "--no-passphrase"])
    expect([imported.code, imported.prints]).toEqual([0, [print]])
  })
})

describe("an export of GnuPG", { timeout: 120_000 }, () => {
  it("several keys in one armored file, under a passphrase that the keys keep here, too", async () => {
    const { gpg, folder } = world.it
    const passphrase = "star-crossed"
    const own = [
      await gpg.makeProtectedKey("xmpp:benvolio@ox.test", passphrase),
      await gpg.makeKey("Benvolio <benvolio@ox.test>", "xmpp:benvolio@ox.test"),
    ]
    const file = join(folder, "benvolio.asc")
    await writeFile(file, await gpg.exportProtected(own, passphrase))
    const args = ["key", "import", file, "--jid", "benvolio@ox.test"]
    const wrong = await cli("benvolio", args, { AUROCHS_PASSPHRASE: "ill-met" })
    expect([wrong.code, wrong.prints]).toEqual([3, []])
    const imported = await cli("benvolio", args, { AUROCHS_PASSPHRASE: passphrase })
    expect([imported.code, imported.prints.toSorted()]).toEqual([0, own.toSorted()])
    const shown = await cli("benvolio", ["key", "show"], { AUROCHS_PASSPHRASE: "ill-met" })
    expect([shown.code, shown.prints]).toEqual([3, []])
    expect((await cli("benvolio", ["key", "show"], { AUROCHS_PASSPHRASE: passphrase })).prints).toHaveLength(2)
  })
})
