import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { debianPrograms, type Programs } from "@aurochs/debian-programs"
import { type Running, runOrThrow, start } from "./processes.ts"

/** The package behind the program this file starts. */
export const GO_SENDXMPP_PACKAGES = { "go-sendxmpp": "go-sendxmpp" } as const

/** One account of go-sendxmpp, with a HOME of its own. */
export interface GoSendxmpp {
  readonly jid: string
  /** Makes an X25519 key and announces it. */
  generateKey(): Promise<void>
  /** Listens until stopped; decrypted messages are in its output as `TIME JID: TEXT`. */
  listen(): Running
  /** Sends one encrypted message. */
  send(to: string, text: string): Promise<void>
  /** The command that listens, for a person to type. */
  readonly command: string
}

/**
 * @param options.folder for its HOME
 * @param options.server HOST:PORT
 */
export async function goSendxmpp(options: {
  readonly folder: string
  readonly server: string
  readonly jid: string
  readonly password: string
  /** False (by default): the certificate of our own server is of our own making. */
  readonly verifyTls?: boolean
  readonly programs?: Programs
}): Promise<GoSendxmpp> {
  const { jid, password, server } = options
  const programs = options.programs ?? (await debianPrograms(GO_SENDXMPP_PACKAGES))
  const home = join(options.folder, `go-sendxmpp-${jid}`)
  await mkdir(home, { recursive: true })
  const program = programs.path("go-sendxmpp")
  const { XDG_DATA_HOME: _data, XDG_CONFIG_HOME: _config, ...rest } = process.env
  const env = { ...rest, ...programs.env, HOME: home }
  const configFile = join(home, "sendxmpprc")
  // Not as an argument: those are visible to others.
  await writeFile(
    configFile,
    `username: ${jid}
jserver: ${server}
password: ${password}
`,
    { mode: 0o600 },
  )
  const account = ["-f", configFile, ...(options.verifyTls === true ? [] : ["-n"])]
  return {
    jid,
    command: `HOME=${home} ${program} ${account.join(" ")} --ox -l`,
    async generateKey() {
      await runOrThrow(program, [...account, "--ox-genprivkey-x25519"], { env })
    },
    // Without --ox it would print the explaining body instead of the message.
    listen: () => start(program, [...account, "--ox", "-l"], { env }),
    async send(to, text) {
      await runOrThrow(program, [...account, "--ox", to], { env, input: `${text}\n` })
    },
  }
}
