import { randomBytes } from "node:crypto"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { alertmanagerPayload } from "../demo/payload.ts"
import { freePort, type Running, run, start } from "./processes.ts"
import type { Prosody } from "./prosody.ts"

const PROGRAM = fileURLToPath(new URL("../../apps/notify-bot/dist/main.js", import.meta.url))

/** The notification bot as an operator runs it: a process with a configuration file. */
export interface NotifyBot {
  readonly configFile: string
  readonly url: string
  readonly token: string
  /** Its process; changes with each start. */
  process(): Running
  start(): Promise<void>
  /** Posts a body as Alertmanager does. */
  post(body: unknown): Promise<Response>
  /** Runs another command of the same program on the same configuration. */
  command(
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Writes a configuration; {@link NotifyBot.start} starts the service. */
export async function notifyBot(options: {
  readonly folder: string
  readonly jid: string
  readonly password: string
  readonly service: string
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string | undefined
  readonly recipients: readonly { readonly jid: string; readonly fingerprints?: readonly string[] }[]
  /** Absent: embedded. */
  readonly databaseUrl?: string | undefined
  readonly port?: number
  /** Put over the rest of the configuration. */
  readonly overrides?: Readonly<Record<string, unknown>> | undefined
}): Promise<NotifyBot> {
  const folder = join(options.folder, "notify")
  await mkdir(folder, { recursive: true })
  const token = randomBytes(24).toString("hex")
  const port = options.port ?? (await freePort())
  const configFile = join(folder, "notify.yaml")
  const config = {
    account: { jid: options.jid, passwordFile: "password", service: options.service },
    webhook: { port, tokenFile: "token" },
    recipients: options.recipients,
    storage: { folder: "state", ...(options.databaseUrl ? { databaseUrl: options.databaseUrl } : {}) },
    log: { level: "debug" },
    ...options.overrides,
  }
  await writeFile(join(folder, "password"), `${options.password}\n`, { mode: 0o600 })
  await writeFile(join(folder, "token"), `${token}\n`, { mode: 0o600 })
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config, null, 2))
  const env = { ...process.env, ...(options.caFile ? { NODE_EXTRA_CA_CERTS: options.caFile } : {}) }
  let running: Running | undefined
  const url = `http://127.0.0.1:${port}`
  return {
    configFile,
    url,
    token,
    process() {
      if (running === undefined) throw new Error("the notification bot was not started")
      return running
    },
    async start() {
      running = start(process.execPath, [PROGRAM, "serve", "--config", configFile], { env })
      await running.waitFor(/"msg":"listening"/, 60_000)
    },
    post: (body) =>
      fetch(`${url}/alertmanager`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    command: (...args) => run(process.execPath, [PROGRAM, ...args, "--config", configFile], { env }),
    async stop(signal = "SIGTERM") {
      await running?.stop(signal)
    },
  }
}

/** The bot for accounts on a Prosody of ours. */
export function notifyBotOn(
  prosody: Prosody,
  options: {
    readonly folder: string
    readonly user: string
    readonly recipients: readonly string[]
    readonly databaseUrl?: string
    readonly password?: string
    readonly overrides?: Readonly<Record<string, unknown>>
  },
): Promise<NotifyBot> {
  return notifyBot({
    folder: options.folder,
    jid: `${options.user}@${prosody.domain}`,
    password: options.password ?? `pw-${options.user}`,
    service: prosody.service,
    caFile: prosody.caFile,
    recipients: options.recipients.map((user) => ({ jid: `${user}@${prosody.domain}` })),
    databaseUrl: options.databaseUrl,
    overrides: options.overrides,
  })
}

/** One line of `queue list --json`. */
export interface QueueEntry {
  readonly recipient: string
  readonly state: string
  readonly because?: string
}

/** What waits in the bot's queue, as its own command tells it. */
export async function queueOf(bot: NotifyBot): Promise<QueueEntry[]> {
  const { stdout, stderr, code } = await bot.command("queue", "list", "--json")
  if (code !== 0) throw new Error(stderr)
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as QueueEntry)
}

/** The demo's payload as another incident, with a text of its own. */
export function incident(name: string, startsAt = "2026-11-23T03:00:00Z") {
  const [alert] = alertmanagerPayload.alerts
  const labels = { ...alert.labels, alertname: name }
  return {
    ...alertmanagerPayload,
    groupKey: `{}:{alertname="${name}"}`,
    groupLabels: { alertname: name },
    alerts: [{ ...alert, labels, startsAt, annotations: { summary: `summary of ${name}` } }],
  }
}
