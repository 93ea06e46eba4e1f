import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { debianPrograms, type Programs } from "@aurochs/debian-programs"
import { eventually, run, runOrThrow } from "./processes.ts"
import type { Prosody } from "./prosody.ts"

/** The packages behind the programs this file starts. */
export const PROFANITY_PACKAGES = { profanity: "profanity", tmux: "tmux", gpg: "gnupg" } as const

/** One account of Profanity in a terminal of its own, with its own HOME and GnuPG home. */
export interface Profanity {
  readonly jid: string
  readonly fingerprint: string
  /** Its certificate, binary, as announced. */
  certificate(): Promise<Uint8Array>
  /** Types a line and Enter. A line that ends in `;` is eaten by tmux. */
  type(line: string): Promise<void>
  /** What its window shows. */
  screen(): Promise<string>
  /** Resolves with the screen once it shows this. */
  waitForScreen(pattern: RegExp, timeoutMs?: number): Promise<string>
  /** Resolves once its log has this. */
  waitForLog(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>
  stop(): Promise<void>
}

/** Makes an ed25519/cv25519 key for the account and starts Profanity on it; resolves when it is online. */
export async function startProfanity(options: {
  readonly folder: string
  readonly prosody: Prosody
  readonly user: string
  readonly programs?: Programs
}): Promise<Profanity> {
  const { prosody, user } = options
  const programs = options.programs ?? (await debianPrograms(PROFANITY_PACKAGES))
  const home = join(options.folder, `profanity-${user}`)
  const gnupg = join(home, "gnupg")
  const jid = `${user}@${prosody.domain}`
  for (const folder of [".local/share/profanity", ".config/profanity"])
    await mkdir(join(home, folder), { recursive: true })
  await mkdir(gnupg, { recursive: true, mode: 0o700 })
  const env = { ...process.env, ...programs.env, HOME: home, GNUPGHOME: gnupg, LC_ALL: "C.UTF-8" }
  const gpg = (...args: string[]) =>
    runOrThrow(programs.path("gpg"), ["--batch", "--pinentry-mode", "loopback", "--passphrase", "", ...args], { env })
  await gpg("--quick-generate-key", `xmpp:${jid}`, "future-default", "default", "never")
  // Profanity encrypts only to keys that gpg considers valid.
  await writeFile(join(gnupg, "gpg.conf"), "trust-model always\n")
  const listing = await gpg("--with-colons", "--list-keys", `=xmpp:${jid}`)
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1]
  if (fingerprint === undefined) throw new Error("gpg made no key")
  const keyFile = join(home, "announce.gpg")
  await gpg("--yes", "--export", "--export-options", "export-minimal", "-o", keyFile, fingerprint)
  await writeFile(join(home, ".local/share/profanity/accounts"), account(jid, user, prosody))
  await writeFile(join(home, ".config/profanity/profrc"), PROFRC.replace("JID", jid))
  const logFile = join(home, "profanity.log")
  const socket = join(home, "tmux")
  const tmux = (...args: string[]) => run(programs.path("tmux"), ["-S", socket, ...args], { env })
  const shell = `exec ${programs.path("profanity")} -l DEBUG -f ${logFile}`
  await tmux(
    "new-session",
    "-d",
    "-s",
    "p",
    "-x",
    "160",
    "-y",
    "50",
    `env TERM=screen-256color TZ=UTC sh -c '${shell}'`,
  )
  const profanity: Profanity = {
    jid,
    fingerprint,
    certificate: () => readFile(keyFile),
    async type(line) {
      await tmux("send-keys", "-t", "p", "-l", "--", line)
      await sleep(150)
      await tmux("send-keys", "-t", "p", "Enter")
    },
    async screen() {
      const { stdout } = await tmux("capture-pane", "-p", "-t", "p")
      return stdout
    },
    async waitForScreen(pattern, timeoutMs = 15_000) {
      try {
        return await eventually(
          `Profanity shows ${pattern}`,
          async () => {
            const screen = await profanity.screen()
            return pattern.test(screen) ? screen : undefined
          },
          timeoutMs,
        )
      } catch (error) {
        throw new Error(`${String(error)}\n${await profanity.screen()}`)
      }
    },
    waitForLog: (pattern, timeoutMs = 15_000) =>
      eventually(
        `Profanity's log has ${pattern}`,
        async () => pattern.exec(await readFile(logFile, "utf8")) ?? undefined,
        timeoutMs,
      ),
    async stop() {
      await tmux("kill-server")
      await run(programs.path("gpg").replace(/gpg$/, "gpgconf"), ["--kill", "all"], { env })
    },
  }
  try {
    await profanity.waitForScreen(new RegExp(`${jid}.* logged in successfully|online`, "i"))
  } catch (error) {
    await profanity.stop()
    throw error
  }
  await profanity.type(`/ox announce ${keyFile}`)
  return profanity
}

const PROFRC = `[connection]
account=JID
[logging]
chlog=true
rotate=false
[ui]
splash=false
[notifications]
message=off
`

function account(jid: string, user: string, prosody: Prosody): string {
  return `[${jid}]
enabled=true
jid=${jid}
resource=profanity
server=127.0.0.1
port=${prosody.port}
tls.policy=trust
auth.policy=default
password=pw-${user}
presence.last=online
presence.login=online
priority.online=0
`
}
