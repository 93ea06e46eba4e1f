import { UsageError } from "@aurochs/cli-kit"
import type { OutboxEntry } from "@aurochs/storage"
import type { Argv } from "yargs"
import { loadStoreConfig } from "./config.ts"
import { type ConfigOptions, configFile } from "./options.ts"
import { standardOutput } from "./output.ts"
import { dropQueued, queueLine, retryQueued } from "./queue.ts"
import { openStores } from "./stores.ts"

/** `aurochs-notify queue …` */
export function queueCommands(program: Argv<ConfigOptions>): Argv<ConfigOptions> {
  return program.command("queue", "What has to be sent", (queue) =>
    queue
      .command(
        "list",
        "What waits or was put aside, and why",
        (y) => y.option("all", { type: "boolean", default: false, describe: "What was sent, too" }),
        (options) => list(options),
      )
      .command(
        "retry [ids..]",
        "Tries messages again at once, those that were put aside, too",
        (y) =>
          y
            .positional("ids", { type: "string", array: true, describe: "As queue list shows them" })
            .option("all", { type: "boolean", default: false, describe: "Everything that is in the queue" }),
        (options) => retry(options),
      )
      .command(
        "drop <ids..>",
        "Forgets messages: they are never sent",
        (y) => y.positional("ids", { type: "string", array: true, demandOption: true }),
        (options) => drop(options),
      )
      .demandCommand(1, "Say what to do with the queue: list, retry or drop."),
  )
}

async function list(options: ConfigOptions & { all: boolean }): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  let count = 0
  for await (const entry of stores.storage.outbox.list(config.jid, { includeSent: options.all })) {
    count++
    if ((await output.line(options.json ? JSON.stringify(entry) : queueLine(entry))) === "closed") return
  }
  if (count === 0 && !options.json) process.stderr.write("nothing waits\n")
}

async function retry(options: ConfigOptions & { ids?: string[] | undefined; all: boolean }): Promise<void> {
  const ids = options.ids ?? []
  if (options.all === ids.length > 0) throw new UsageError("Say which messages: their ids, or --all.")
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  const entries = await retryQueued(stores.storage.outbox, config.jid, options.all ? undefined : ids)
  for (const entry of entries) await output.line(done(options, entry, "retried"))
}

async function drop(options: ConfigOptions & { ids: string[] }): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  for (const entry of await dropQueued(stores.storage.outbox, config.jid, options.ids))
    await output.line(done(options, entry, "dropped"))
}

function done({ json }: ConfigOptions, { id, recipient }: OutboxEntry, what: "retried" | "dropped"): string {
  return json ? JSON.stringify({ id, recipient, [what]: true }) : `${id}  to ${recipient}  ${what}`
}
