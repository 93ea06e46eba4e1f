import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Programs, unpackedPrograms } from "@aurochs/debian-programs"
import { freePort, type Running, runOrThrow, start } from "./processes.ts"

/** Debian's bind9 with its signing tools, and unbound. */
export const dnssecPrograms = (): Promise<Programs> =>
  unpackedPrograms({
    named: "bind9",
    "dnssec-keygen": "bind9-utils",
    "dnssec-signzone": "bind9-utils",
    unbound: "unbound",
  })

/** A zone of this name server. */
export interface Zone {
  readonly name: string
  /** Unsigned zones are insecure: nothing above them says that they should be signed. */
  readonly signed: boolean
  /** Lines of the zone file, names relative to the zone. */
  readonly records: readonly string[]
  /** After signing: what a forger does to the file, in one line for each record. */
  readonly tamper?: ((text: string) => string) | undefined
}

/** Signed zones behind a resolver that validates, both on 127.0.0.1. */
export interface SignedDns {
  /** `127.0.0.1:PORT` of the resolver. */
  readonly resolver: string
  /** `127.0.0.1:PORT` of the name server itself, which validates nothing. */
  readonly nameServer: string
  stop(): Promise<void>
}

export async function startSignedDns(programs: Programs, folder: string, zones: readonly Zone[]): Promise<SignedDns> {
  const env = { ...process.env, ...programs.env }
  const [authority, resolver] = [await freePort(), await freePort()]
  const anchors: string[] = []
  for (const zone of zones) {
    const anchor = await writeZone(programs, folder, zone)
    if (anchor !== undefined) anchors.push(anchor)
  }
  const started: Running[] = []
  await writeFile(join(folder, "named.conf"), namedConfig(folder, authority, zones))
  // One user throughout: it changes to none, and needs no rights.
  const named = start(programs.path("named"), ["-f", "-g", "-c", join(folder, "named.conf")], { env, cwd: folder })
  started.push(named)
  await writeFile(join(folder, "anchors"), `${anchors.join("\n")}\n`)
  await writeFile(join(folder, "unbound.conf"), unboundConfig(folder, resolver, authority, zones))
  const unbound = start(programs.path("unbound"), ["-d", "-c", join(folder, "unbound.conf")], { env, cwd: folder })
  started.push(unbound)
  await named.waitFor(/ running\n/)
  await unbound.waitFor(/start of service/)
  return {
    resolver: `127.0.0.1:${resolver}`,
    nameServer: `127.0.0.1:${authority}`,
    async stop() {
      for (const one of started.toReversed()) await one.stop("SIGKILL")
    },
  }
}

/** Writes the zone, signed if it is to be; its trust anchor. */
async function writeZone(programs: Programs, folder: string, zone: Zone): Promise<string | undefined> {
  const env = { ...process.env, ...programs.env }
  const keys = join(folder, `keys-${zone.name}`)
  await mkdir(keys)
  const file = join(folder, `${zone.name}.zone`)
  const head = ["$TTL 300", `$ORIGIN ${zone.name}.`, "@ SOA ns root 1 3600 600 86400 60", "@ NS ns", "ns A 127.0.0.1"]
  await writeFile(file, `${[...head, ...zone.records].join("\n")}\n`)
  if (!zone.signed) return undefined
  const keygen = (...args: readonly string[]) =>
    runOrThrow(programs.path("dnssec-keygen"), ["-q", "-K", keys, "-a", "ECDSAP256SHA256", ...args, zone.name], { env })
  await keygen("-f", "KSK")
  await keygen()
  const signing = ["-S", "-K", keys, "-o", zone.name, "-O", "full", "-f", `${file}.signed`, file]
  await runOrThrow(programs.path("dnssec-signzone"), signing, { env, cwd: folder })
  const signed = await readFile(`${file}.signed`, "utf8")
  await writeFile(file, zone.tamper === undefined ? signed : zone.tamper(signed))
  for (const name of await readdir(keys)) {
    const text = name.endsWith(".key") ? await readFile(join(keys, name), "utf8") : ""
    const anchor = /^[^;].*\bDNSKEY 257 .*$/m.exec(text)
    if (anchor !== null) return anchor[0]
  }
  throw new Error(`no key was made for ${zone.name}`)
}

function namedConfig(folder: string, port: number, zones: readonly Zone[]): string {
  const lines = zones.map(({ name }) => `zone "${name}" { type primary; file "${join(folder, name)}.zone"; };`)
  return `options {
  directory "${folder}";
  pid-file "${join(folder, "named.pid")}";
  session-keyfile "${join(folder, "session.key")}";
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  notify no;
};
controls {};
${lines.join("\n")}
`
}

function unboundConfig(folder: string, port: number, authority: number, zones: readonly Zone[]): string {
  const stubs = zones.map(({ name }) => `stub-zone:\n  name: "${name}"\n  stub-addr: 127.0.0.1@${authority}`)
  return `server:
  interface: 127.0.0.1
  port: ${port}
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: "${join(folder, "unbound.pid")}"
  use-syslog: no
  verbosity: 1
  do-not-query-localhost: no
  do-ip6: no
  module-config: "validator iterator"
  trust-anchor-file: "${join(folder, "anchors")}"
  local-zone: "test." nodefault
  num-threads: 1
remote-control:
  control-enable: no
${stubs.join("\n")}
`
}
