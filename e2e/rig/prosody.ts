import { chmod, mkdir, readFile, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { join } from "node:path"
import { debianPrograms, type Programs } from "@aurochs/debian-programs"
import { eventually, freePort, type Running, runOrThrow, start } from "./processes.ts"

/** The package behind each program this file starts. */
export const PROSODY_PACKAGES = { prosody: "prosody", openssl: "openssl" } as const

/** A Prosody of our own on 127.0.0.1. */
export interface Prosody {
  readonly domain: string
  readonly port: number
  /** `xmpp://127.0.0.1:PORT`, STARTTLS with {@link caFile}. */
  readonly service: string
  /** `ws://127.0.0.1:PORT/xmpp-websocket` */
  readonly webSocket: string
  /** Certificate to trust, PEM. */
  readonly caFile: string
  readonly pid: number
  /** Registers an account whose password is `pw-USER`. */
  register(user: string): Promise<void>
  /** Everything it wrote to its log, raw stanzas included. */
  log(): Promise<string>
  /** The `<message/>` stanzas that carried `<openpgp/>`, as this server received them. */
  openpgpMessages(): Promise<string[]>
  stop(): Promise<void>
  /** Stops it and starts it again on the same port with the same data. */
  restart(): Promise<void>
}

/**
 * Starts Prosody with the modules that OX needs: PEP, archive, carbons, stream management, WebSocket.
 *
 * @param options.folder an empty or earlier folder of ours
 * @param options.tls false: no TLS at all (loopback only)
 * @param options.quiet true: no stanza is logged and none is archived, for measuring
 */
export async function startProsody(options: {
  readonly folder: string
  readonly domain?: string
  readonly users?: readonly string[]
  readonly tls?: boolean
  readonly programs?: Programs
  readonly port?: number
  readonly quiet?: boolean
}): Promise<Prosody> {
  const { folder, domain = "ox.test", users = [], tls = true, quiet = false } = options
  const programs = options.programs ?? (await debianPrograms(PROSODY_PACKAGES))
  const port = options.port ?? (await freePort())
  const httpPort = await freePort()
  await mkdir(join(folder, "data"), { recursive: true })
  await mkdir(join(folder, "certs"), { recursive: true, mode: 0o700 })
  const caFile = await certificate(folder, domain, programs)
  const configFile = join(folder, "prosody.cfg.lua")
  await writeFile(configFile, config({ folder, domain, port, httpPort, tls, quiet, programs }))
  const env = { ...process.env, ...programs.env }
  const program = await executable(folder, programs)
  let running = await launch()

  async function launch(): Promise<Running> {
    const child = start(program, ["--root", "--config", configFile, "-F"], { env })
    await eventually("Prosody listens", async () => {
      if (child.child.exitCode !== null) throw new Error(`Prosody ended: ${child.output()}`)
      return (await accepts(port)) || undefined
    })
    return child
  }

  const prosody: Prosody = {
    domain,
    port,
    caFile,
    service: `xmpp://127.0.0.1:${port}`,
    webSocket: `ws://127.0.0.1:${httpPort}/xmpp-websocket`,
    get pid() {
      return running.child.pid ?? 0
    },
    async register(user) {
      const host = encodeURIComponent(domain).replaceAll("-", "%2d").replaceAll(".", "%2e")
      const accounts = join(folder, "data", host, "accounts")
      await mkdir(accounts, { recursive: true })
      // `internal_plain` reads this file as it is: registering through prosodyctl takes a second each.
      await writeFile(join(accounts, `${user}.dat`), `return {\n["password"] = "pw-${user}";\n};\n`)
    },
    log: () => readFile(join(folder, "prosody.log"), "utf8"),
    async openpgpMessages() {
      const text = await prosody.log()
      return [...text.matchAll(/RECV: (<message .*)/g)]
        .map((match) => match[1] ?? "")
        .filter((line) => line.includes("urn:xmpp:openpgp:0"))
    },
    stop: () => running.stop(),
    async restart() {
      await running.stop()
      running = await launch()
    },
  }
  for (const user of users) await prosody.register(user)
  return prosody
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}

async function certificate(folder: string, domain: string, programs: Programs): Promise<string> {
  const file = join(folder, "certs", `${domain}.crt`)
  const names = `subjectAltName=DNS:${domain},DNS:localhost,IP:127.0.0.1`
  await runOrThrow(programs.path("openssl"), [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
    ...["-keyout", join(folder, "certs", `${domain}.key`), "-out", file, "-subj", `/CN=${domain}`, "-addext", names],
  ])
  return file
}

/** Unpacked packages keep their scripts' absolute paths: a copy of the start script that looks in the right place. */
async function executable(folder: string, programs: Programs): Promise<string> {
  const original = programs.path("prosody")
  if (programs.prefix === undefined || !original.startsWith(programs.prefix)) return original
  const copy = join(folder, "prosody")
  const text = await readFile(original, "utf8")
  await writeFile(copy, text.replaceAll("'/usr/lib/prosody", `'${programs.prefix}/usr/lib/prosody`))
  await chmod(copy, 0o755)
  return copy
}

function config(o: {
  readonly folder: string
  readonly domain: string
  readonly port: number
  readonly httpPort: number
  readonly tls: boolean
  readonly quiet: boolean
  readonly programs: Programs
}): string {
  const plugins = o.programs.prefix ? `plugin_paths = { "${o.programs.prefix}/usr/lib/prosody/modules" }` : ""
  return `-- written by e2e/rig/prosody.ts
run_as_root = true
daemonize = false
pidfile = "${o.folder}/prosody.pid"
data_path = "${o.folder}/data"
certificates = "${o.folder}/certs"
${plugins}
interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
http_interfaces = { "127.0.0.1" }
c2s_ports = { ${o.port} }
c2s_direct_tls_ports = {}
s2s_ports = {}
http_ports = { ${o.httpPort} }
https_ports = {}
modules_enabled = {
  "roster", "saslauth", ${o.tls ? '"tls", ' : ""}"disco", "pep", ${o.quiet ? "" : '"mam", '}"carbons", "smacks", "ping", "blocklist", "csi_simple",
  "time", "version", "websocket", ${o.quiet ? "" : '"stanza_debug", '}"presence", "message", "iq", "posix",
}
modules_disabled = { "s2s", "offline" }
c2s_require_encryption = ${o.tls}
allow_unencrypted_plain_auth = ${!o.tls}
consider_websocket_secure = true
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
pep_max_items = 256
smacks_hibernation_time = 30
log = { ${o.quiet ? "warn" : "debug"} = "${o.folder}/prosody.log" }
VirtualHost "${o.domain}"
ssl = { key = "${o.folder}/certs/${o.domain}.key", certificate = "${o.folder}/certs/${o.domain}.crt" }
`
}
