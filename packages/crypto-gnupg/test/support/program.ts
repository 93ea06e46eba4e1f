import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { programOr } from "@aurochs/debian-programs"
import { type GnupgOptions, type GnupgProvider, gnupg } from "../../src/index.ts"

const agent = await programOr("gpg-agent", "gpg-agent")
const connect = await programOr("gpg-connect-agent", "gpgconf")
const found = await programOr("gpg", "gpg")
// Where the programs were unpacked, they need their libraries.
if (found.missing === undefined) Object.assign(process.env, found.env)

/** Path of gpg; undefined where it cannot be had. `GPG` in the environment names another one. */
export const program: string | undefined = process.env.GPG ?? (found.missing === undefined ? found.path : undefined)

/** Why there is none: the reason with which tests are skipped. */
export const missing: string | undefined =
  process.env.GPG === undefined ? (found.missing ?? agent.missing ?? connect.missing) : undefined

/** A provider on a homedir in `os.tmpdir()`, a fresh one if none is given. */
export async function provider(options: Partial<GnupgOptions> = {}): Promise<GnupgProvider> {
  const homedir = options.homedir ?? (await freshHome())
  return gnupg({ certificates: openpgpjs(), ...(program === undefined ? {} : { program }), ...options, homedir })
}

/** A homedir of our own, whose agent does not measure first how much work a passphrase should cost. */
export async function freshHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "gnupg-"))
  await writeFile(join(home, "gpg-agent.conf"), "s2k-count 65536\n", { mode: 0o600 })
  return home
}
