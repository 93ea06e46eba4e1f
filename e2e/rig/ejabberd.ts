import { existsSync } from "node:fs"
import { mkdir, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Programs, unpackedPrograms } from "@aurochs/debian-programs"
import { freePort, start } from "./processes.ts"

/** Debian's ejabberd, with the Erlang it needs. */
export const ejabberdPrograms = (): Promise<Programs> =>
  unpackedPrograms({ ejabberdctl: "ejabberd", erl: "erlang-base" })

/** An ejabberd of our own on 127.0.0.1: PEP, no TLS, no other servers. */
export interface Ejabberd {
  readonly domain: string
  /** `xmpp://127.0.0.1:PORT` */
  readonly service: string
  stop(): Promise<void>
}

/** @param users accounts whose password is `pw-USER` */
export async function startEjabberd(
  programs: Programs,
  folder: string,
  users: readonly string[],
  domain = "ox.test",
): Promise<Ejabberd> {
  const { prefix } = programs
  if (prefix === undefined) throw new Error("ejabberd has to be unpacked")
  const port = await freePort()
  const config = join(folder, "ejabberd.yml")
  await mkdir(join(folder, "db"))
  await writeFile(config, configuration(domain, port))
  const root = join(prefix, "usr/lib/erlang")
  const runtime = (await readdir(root)).find((name) => name.startsWith("erts-")) ?? "erts"
  const libraries = (await readdir(join(prefix, "usr/lib")))
    .map((name) => join(prefix, "usr/lib", name))
    .filter((path) => existsSync(join(path, "ejabberd")) || path.endsWith("-linux-gnu"))
  // The packaged scripts have absolute paths in them: what they do in the end, without them.
  const env = {
    ...process.env,
    ...programs.env,
    ROOTDIR: root,
    BINDIR: join(root, runtime, "bin"),
    EMU: "beam",
    PROGNAME: "erl",
    ERL_LIBS: libraries.join(":"),
    HOME: folder,
    EJABBERD_CONFIG_PATH: config,
    EJABBERD_LOG_PATH: join(folder, "ejabberd.log"),
  }
  const registering = users.map((user) => `ejabberd_auth:try_register(<<"${user}">>,<<"${domain}">>,<<"pw-${user}">>)`)
  const evaluated = [...registering, 'io:format("accounts are there~n")'].join(",")
  const server = start(
    join(root, runtime, "bin/erlexec"),
    [
      ...["-boot", join(root, "bin/start_clean"), "-noinput", "-mnesia", "dir", `"${join(folder, "db")}"`],
      ...["-s", "ejabberd", "-eval", `${evaluated}.`],
    ],
    { env, cwd: folder },
  )
  // Erlang on a busy machine: its first start compiles what it loads.
  await server.waitFor(/accounts are there/, 90_000)
  await server.waitFor(/Start accepting TCP connections/)
  return { domain, service: `xmpp://127.0.0.1:${port}`, stop: () => server.stop("SIGKILL") }
}

function configuration(domain: string, port: number): string {
  return `# written by e2e/rig/ejabberd.ts
hosts: ["${domain}"]
loglevel: info
listen:
  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
auth_method: internal
auth_password_format: plain
access_rules:
  c2s: { allow: all }
  createnode: { allow: all }
modules:
  mod_caps: {}
  mod_disco: {}
  mod_ping: {}
  mod_pubsub:
    access_createnode: createnode
    plugins: ["flat", "pep"]
  mod_roster: {}
  mod_stream_mgmt: {}
`
}
