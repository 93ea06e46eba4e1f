import { readdirSync, readFileSync } from "node:fs"
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type EmbeddedPostgres, embeddedPostgres } from "@aurochs/postgres-embedded"
import { migrate } from "@aurochs/storage-postgres"
import { startProsody } from "../../e2e/rig/prosody.ts"
import { type BotProcess, botProcess } from "./talk.ts"

/** Two bots, a server and a database, all on this machine. */
export interface Rig extends AsyncDisposable {
  readonly sender: BotProcess
  readonly receiver: BotProcess
  /** Milliseconds of processor time that each process has had, children included. */
  usage(): Promise<Usage>
}

/** Processor time by process, in milliseconds. */
export type Usage = Readonly<Record<"sender" | "receiver" | "prosody" | "postgres", number>>

/** Clock ticks in a second, as `/proc` counts them. */
const TICKS = 100

/** A PostgreSQL server in a temporary folder, with its tables; `fsync` is on. */
export async function database(): Promise<{ url: string; pid: number; folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "aurochs-bench-"))
  // As root the database is another user.
  await chmod(folder, 0o711)
  let postgres: EmbeddedPostgres | undefined
  const stop = async () => {
    await postgres?.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    postgres = await embeddedPostgres({ folder: join(folder, "postgres") })
    await migrate({ url: postgres.url })
    return { url: postgres.url, pid: postgres.pid, folder, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** @param nodeArgs for both bots, e.g. `--cpu-prof` */
export async function startRig(engine: string, nodeArgs: readonly string[] = []): Promise<Rig> {
  await using started = new AsyncDisposableStack()
  const postgres = started.use(await database())
  const folder = join(postgres.folder, "prosody")
  const prosody = await startProsody({ folder, users: ["sender", "receiver"], tls: false, quiet: true })
  started.defer(() => prosody.stop())
  const receiver = started.use(botProcess(nodeArgs))
  const sender = started.use(botProcess(nodeArgs))
  started.defer(() => Promise.all([sender, receiver].map((one) => one.ask({ kind: "stop" }))).then(() => {}))
  const place = { kind: "start", service: prosody.service, database: postgres.url, engine } as const
  await receiver.ask({ ...place, user: "receiver" })
  await sender.ask({ ...place, user: "sender" })
  const all = started.move()
  return {
    sender,
    receiver,
    async usage() {
      const [one, other] = await Promise.all(
        [sender, receiver].map((bot) => bot.ask({ kind: "usage", collect: false })),
      )
      return {
        sender: one?.cpuMs ?? 0,
        receiver: other?.cpuMs ?? 0,
        prosody: processorMs(prosody.pid),
        postgres: processorMs(postgres.pid),
      }
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Of a process, its living children, and those that ended. */
export function processorMs(pid: number): number {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && stat(name)?.parent === String(pid))
  const ticks = [String(pid), ...children].reduce((sum, name) => sum + (stat(name)?.ticks ?? 0), 0)
  return (ticks * 1000) / TICKS
}

function stat(pid: string): { readonly parent: string; readonly ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    // Fields 4 and 14 to 17 of proc(5), the first two of which are cut off.
    return { parent: fields[1] ?? "", ticks: fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) }
  } catch {
    return undefined
  }
}
