import type { OutboxEntry } from "@aurochs/storage"
import type { Argv } from "yargs"
import { loadStoreConfig } from "./config.ts"
import { type ConfigOptions, configFile } from "./options.ts"
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
      .demandCommand(1, "Say what to do with the queue: list."),
  )
}

async function list(options: ConfigOptions & { all: boolean }): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  await using stores = await openStores(config.storage, { onError: () => {} })
  let count = 0
  for await (const entry of stores.storage.outbox.list(config.jid, { includeSent: options.all })) {
    count++
    process.stdout.write(`${options.json ? JSON.stringify(entry) : line(entry)}\n`)
  }
  if (count === 0 && !options.json) process.stderr.write("nothing waits\n")
}

function line({ id, enqueuedAt, recipient, state, because, retryAt, attempts }: OutboxEntry): string {
  const why = because === undefined ? "" : `: ${because}`
  const next = state === "waiting" && retryAt !== undefined ? `, next try ${retryAt.toISOString()}` : ""
  return `${id}  ${enqueuedAt.toISOString()}  to ${recipient}  ${state}${why}${next}, ${attempts} tries`
}
