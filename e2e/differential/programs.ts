import { readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { debianPrograms, type Programs } from "@aurochs/debian-programs"
import * as pgp from "openpgp"
import { run, runOrThrow } from "../rig/processes.ts"

/** The keys of a run as files: alice signs, bob reads. */
export interface KeyFiles {
  readonly aliceSecret: string
  readonly alice: string
  readonly bobSecret: string
  readonly bob: string
  readonly bobFingerprint: string
}

/** What a program made of one message: the text if it decrypted it and alice's signature on it is good. */
export type Reading = { readonly text: string } | "refused"

/** Another implementation. */
export interface Other {
  readonly name: "gpg" | "sqop"
  readonly version: string
  /** Seals alice's text for bob in each of the ways that the program has. */
  seal(text: string): Promise<{ readonly how: string; readonly bytes: Uint8Array; readonly narrow: boolean }[]>
  read(messages: readonly Uint8Array[]): Promise<Reading[]>
  stop(): Promise<void>
}

/** @returns why they cannot be had, if they cannot */
export async function otherPrograms(): Promise<Programs | string> {
  try {
    return await debianPrograms({ gpg: "gpg", gpgconf: "gpgconf", "gpg-agent": "gpg-agent", sqop: "sqop" })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** GnuPG with two keyrings: alice's, who seals, and bob's, who reads. With both secret keys it would read as alice too. */
export async function gnupg(programs: Programs, folder: string, keys: KeyFiles): Promise<Other> {
  const always = ["--batch", "--no-tty", "--trust-model", "always"]
  const gpg = programs.path("gpg")
  const homeOf = async (name: string, ...files: readonly string[]) => {
    const home = join(folder, name)
    await runOrThrow("mkdir", ["-m", "700", home])
    const env = { ...process.env, ...programs.env, GNUPGHOME: home, LC_ALL: "C" }
    await runOrThrow(gpg, [...always, "--import", ...files], { env })
    return env
  }
  const sealing = await homeOf("sealing", keys.aliceSecret, keys.bob)
  const reading = await homeOf("reading", keys.bobSecret, keys.alice)
  const [version = ""] = (await runOrThrow(gpg, ["--version"], { env: sealing })).split("\n")
  return {
    name: "gpg",
    version,
    async seal(text) {
      const from = join(folder, "text")
      const to = join(folder, "sealed")
      await writeFile(from, text)
      const ways = [
        { how: "gpg", args: [], narrow: true },
        { how: "gpg -z0", args: ["-z", "0"], narrow: true },
        { how: "gpg zip", args: ["--compress-algo", "zip"], narrow: true },
        { how: "gpg bzip2", args: ["--compress-algo", "bzip2"], narrow: false },
        { how: "gpg text", args: ["--textmode"], narrow: false },
        { how: "gpg from a pipe", args: ["pipe"], narrow: true },
      ]
      const made = []
      for (const { how, args, narrow } of ways) {
        const common = [...always, "--yes", "-o", to, "-u", "alice", "-r", keys.bobFingerprint, "-s", "-e"]
        if (args[0] === "pipe") await runOrThrow(gpg, common, { env: sealing, input: text })
        else await runOrThrow(gpg, [...common, ...args, from], { env: sealing })
        made.push({ how, narrow, bytes: new Uint8Array(await readFile(to)) })
      }
      return made
    },
    async read(messages) {
      // One process for each: in a row of files one that is odd changes what gpg says of the next.
      const readings: Reading[] = []
      const [from, to] = [join(folder, "message"), join(folder, "plain")]
      for (const bytes of messages) {
        await writeFile(from, bytes)
        const args = [...always, "--yes", "--status-fd", "1", "-o", to, "--decrypt", from]
        const { stdout } = await run(gpg, args, { env: reading })
        readings.push(isGood(stdout) ? { text: await readFile(to, "utf8") } : "refused")
      }
      return readings
    },
    stop: async () => {
      for (const env of [sealing, reading]) await run(programs.path("gpgconf"), ["--kill", "all"], { env })
    },
  }
}

/** Decrypted, whole, one good signature, and nothing else to say. */
function isGood(status: string): boolean {
  const words = status.split("\n").map((line) => line.split(" ")[1] ?? "")
  return SAID_OF_GOOD.every((word) => words.includes(word)) && !SAID_OF_BAD.some((word) => words.includes(word))
}

const SAID_OF_GOOD: readonly string[] = ["DECRYPTION_OKAY", "GOODMDC", "GOODSIG", "VALIDSIG"]
const SAID_OF_BAD: readonly string[] = [
  ...["BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"],
  ...["DECRYPTION_FAILED", "BADMDC", "FAILURE", "NODATA", "ERROR", "UNEXPECTED"],
]

/** Sequoia's stateless program. */
export async function sqop(programs: Programs, folder: string, keys: KeyFiles): Promise<Other> {
  const program = programs.path("sqop")
  const env = { ...process.env, ...programs.env }
  const [version = ""] = (await runOrThrow(program, ["version"], { env })).split("\n")
  return {
    name: "sqop",
    version,
    async seal(text) {
      const armored = await runOrThrow(program, ["encrypt", "--sign-with", keys.aliceSecret, "--", keys.bob], {
        env,
        input: text,
      })
      const { data } = await pgp.unarmor(armored)
      return [{ how: "sqop", bytes: data as unknown as Uint8Array, narrow: true }]
    },
    async read(messages) {
      const readings: Reading[] = []
      const verified = join(folder, "verified")
      for (const input of messages) {
        await rm(verified, { force: true })
        const args = ["decrypt", "--verifications-out", verified, "--verify-with", keys.alice, "--", keys.bobSecret]
        const { code, stdout } = await run(program, args, { env, input })
        const good = code === 0 && (await readFile(verified, "utf8").catch(() => "")).trim() !== ""
        readings.push(good ? { text: stdout } : "refused")
      }
      return readings
    },
    stop: async () => {},
  }
}
