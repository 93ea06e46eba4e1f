import { exitCodes, setExitCode, UsageError } from "@aurochs/cli-kit"
import { bareJid } from "@aurochs/core"
import type { Incoming } from "@aurochs/message"
import type { ArchiveEntry, ArchiveQuery } from "@aurochs/storage"
import type { Argv } from "yargs"
import { loadStoreConfig, type StoreConfig } from "./config.ts"
import { type ConfigOptions, configFile } from "./options.ts"
import { standardOutput } from "./output.ts"
import { archiveReader, type KeyNow } from "./reading.ts"
import { openStores } from "./stores.ts"

interface QueryOptions extends ConfigOptions {
  readonly peer?: string | undefined
  readonly since?: string | undefined
  readonly before?: string | undefined
  readonly limit: number
}

/** `aurochs-notify archive …` */
export function archiveCommands(program: Argv<ConfigOptions>): Argv<ConfigOptions> {
  return program.command("archive", "What was sent and received", (archive) =>
    archive
      .command(
        "list",
        "Newest messages, without opening them",
        (y) => queryOptions(y),
        (options) => list(options),
      )
      .command(
        "search [text]",
        "Opens messages of a peer or time and shows those that contain the text",
        (y) => queryOptions(y).positional("text", { type: "string", describe: "Upper and lower case are the same" }),
        (options) => search(options),
      )
      .command(
        "show <id>",
        "Opens one message with the bot's key",
        (y) => y.positional("id", { type: "string", demandOption: true }),
        (options) => show(options),
      )
      .demandCommand(1, "Say what to do with the archive: list, search or show."),
  )
}

function queryOptions<T>(program: Argv<T>) {
  return program
    .option("peer", { type: "string", describe: "Bare JID of the other side" })
    .option("since", { type: "string", describe: "From this time on, e.g. 2026-11-23 or 2026-11-23T02:00:00Z" })
    .option("before", { type: "string", describe: "Before this time" })
    .option("limit", { type: "number", default: 50, describe: "At most this many" })
}

async function list(options: QueryOptions): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  for await (const entry of stores.storage.archive.read(query(config, options))) {
    const line = options.json ? JSON.stringify(summary(entry)) : summaryLine(entry)
    if ((await output.line(line)) === "closed") return
  }
}

async function search(options: QueryOptions & { text?: string | undefined }): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  const reader = await archiveReader(config, stores.storage)
  const wanted = options.text?.toLowerCase()
  let found = 0
  for await (const entry of stores.storage.archive.read({ ...query(config, options), limit: undefined })) {
    const body = bodyOf((await reader.read(entry)).message)
    if (wanted !== undefined && !body?.toLowerCase().includes(wanted)) continue
    const text = options.json ? JSON.stringify({ ...summary(entry), body }) : `${summaryLine(entry)}\n${indented(body)}`
    if ((await output.line(text)) === "closed" || ++found >= options.limit) return
  }
}

async function show(options: ConfigOptions & { id: string }): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  const entry = await stores.storage.archive.get(options.id)
  if (entry === undefined)
    throw new UsageError(`There is no message ${options.id}; aurochs-notify archive list shows what there is.`)
  const reader = await archiveReader(config, stores.storage)
  const { message, signer, openedWith } = await reader.read(entry)
  const body = bodyOf(message)
  const signedBy = message?.kind === "secure" ? message.signedBy : undefined
  const why = message?.kind === "rejected" ? message.check : message?.kind === "unverified" ? message.reason : undefined
  const now = message?.kind
  const keys = [...keyLine("signed by", signer), ...keyLine("opened with", openedWith)]
  const text = [summaryLine(entry), `now: ${now ?? "nothing"}${why ? ` (${why})` : ""}`, ...keys, indented(body)].join(
    "\n",
  )
  const data = { ...summary(entry), now, why, body, signedBy, signer, openedWith }
  await output.line(options.json ? JSON.stringify(data) : text)
  if (message?.kind === "rejected" || message?.kind === "unverified") setExitCode(exitCodes.notVerified)
}

/** Under which key, and what is known about it today. */
function keyLine(what: string, key: KeyNow | undefined): string[] {
  if (key === undefined) return []
  const { fingerprint, state, since, decision } = key
  const standing = state === "valid" ? "valid today" : `${state} since ${since?.toISOString()}`
  return [`${what} ${fingerprint}, ${standing}; ${decision.level}, because ${decision.because}`]
}

function bodyOf(message: Incoming | undefined): string | undefined {
  return message?.kind === "secure" || message?.kind === "plaintext" ? message.body : undefined
}

function indented(body: string | undefined): string {
  return (body ?? "(cannot be read)").replace(/^/gm, "  ")
}

function query(config: StoreConfig, options: QueryOptions): ArchiveQuery {
  return {
    account: config.jid,
    peer: options.peer === undefined ? undefined : bareJid(options.peer),
    since: time("--since", options.since),
    before: time("--before", options.before),
    limit: options.limit,
    order: "new-first",
  }
}

function time(option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const date = new Date(text)
  if (Number.isNaN(date.getTime()))
    throw new UsageError(`${option} ${text} is no time; write it as 2026-11-23T02:00:00Z.`)
  return date
}

function summary(entry: ArchiveEntry) {
  const { id, peer, direction, via, stampedAt, storedAt, verdict, handled } = entry
  return { id, peer, direction, via, at: stampedAt ?? storedAt, ...verdict, handled, bytes: entry.openpgp?.length ?? 0 }
}

function summaryLine(entry: ArchiveEntry): string {
  const { id, peer, direction, stampedAt, storedAt, verdict, openpgp } = entry
  const outcome =
    verdict === undefined ? "not opened yet" : `${verdict.outcome}${verdict.reason ? ` (${verdict.reason})` : ""}`
  const at = (stampedAt ?? storedAt).toISOString()
  return `${id}  ${at}  ${direction === "in" ? "from" : "to"} ${peer}  ${outcome}  ${openpgp?.length ?? 0} bytes of ciphertext`
}
