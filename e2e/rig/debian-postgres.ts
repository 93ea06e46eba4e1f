import { chmod, chown, mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { debianPrograms } from "@aurochs/debian-programs"
import { freePort, run, runOrThrow, start } from "./processes.ts"

const NOBODY = 65_534
const VERSION = "15"

/** A PostgreSQL of Debian: one that is not ours, with its own pg_dump. */
export interface DebianPostgres {
  readonly url: string
  /** What `pg_dump` prints of the whole database. */
  dump(): Promise<string>
  stop(): Promise<void>
  /** Starts it again after {@link DebianPostgres.stop}, on the same port with the same data. */
  restart(): Promise<void>
  remove(): Promise<void>
}

/** Installs (or unpacks) PostgreSQL and starts it on 127.0.0.1 with an empty database. */
export async function startDebianPostgres(): Promise<DebianPostgres> {
  const bin = `lib/postgresql/${VERSION}/bin`
  const programs = await debianPrograms({
    [`../${bin}/initdb`]: `postgresql-${VERSION}`,
    [`../${bin}/pg_dump`]: `postgresql-client-${VERSION}`,
  })
  const program = (name: string) => programs.path(`../${bin}/${name}`)
  const folder = await mkdtemp(join(tmpdir(), "aurochs-pg15-"))
  const ids = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const data = join(folder, "data")
  await chmod(folder, 0o711)
  await mkdir(data, { mode: 0o700 })
  if (ids.uid !== undefined) await chown(data, NOBODY, NOBODY)
  const env = { ...process.env, ...programs.env, LC_ALL: "C" }
  const asOwner = { env, cwd: data, ...ids }
  await runOrThrow(program("initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"], asOwner)
  const port = await freePort()
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
  const launch = async () => {
    const child = start(program("postgres"), ["-D", data, ...settings.flatMap((text) => ["-c", text])], asOwner)
    await child.waitFor(/ready to accept connections/)
    return child
  }
  let server = await launch()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  return {
    url,
    dump: () => runOrThrow(program("pg_dump"), ["--dbname", url], { env }),
    stop: () => server.stop("SIGINT"),
    async restart() {
      server = await launch()
    },
    async remove() {
      await server.stop("SIGINT")
      await run("rm", ["-rf", folder])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
