import { UsageError, withProgress } from "@aurochs/cli-kit"
import { type AnyAurochsError, type BareJid, type Fingerprint, isAurochsError, type KnownKey } from "@aurochs/core"
import { type Found, judgeKeys, type KeyDirectory, type Missing, type Refreshed, refreshKeys } from "@aurochs/keys"
import { memoryStorage } from "@aurochs/storage"
import type { Argv } from "yargs"
import {
  type GlobalOptions,
  jidArgument,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { trusting } from "./life.ts"
import { connect, online } from "./online.ts"
import { remark } from "./output.ts"
import { showError, showFound, showGap, showKey } from "./show-certificate.ts"
import { openSource, policyOf, type SourceName, type SourceOptions, sourceOptions, viaOf } from "./sources.ts"
import { accountFor, openWorld, type World } from "./world.ts"

type LookupOptions = NetworkOptions &
  PassphraseOptions &
  SourceOptions & { readonly jid: string; readonly bind: string }

/** `aurochs contact lookup` */
export function lookupCommand(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command(
    "lookup <jid>",
    "Look up a contact's certificates: where each comes from, what that binds, and what is decided about it",
    (y) =>
      sourceOptions(passwordOptions(passphraseOptions(y)))
        .positional("jid", { type: "string", demandOption: true })
        .option("bind", {
          type: "string",
          default: "",
          describe: "Sources (wkd, dns) that may bind a key, if the account announces none",
        }),
    (options) => lookup(options),
  )
}

/** What one source said. */
interface Answer {
  readonly source: string
  readonly items: readonly (Found | Missing)[]
  readonly refused: Refreshed["refused"]
  readonly error?: AnyAurochsError | undefined
}

async function lookup(options: LookupOptions): Promise<void> {
  const owner = jidArgument("jid", options.jid)
  const via = viaOf(options)
  const trust = policyOf(options.bind)
  await using opened = await openWorld(options)
  const account = await accountOrNone(options, opened, via)
  const world = account === undefined ? opened : await trusting(opened, account, options)
  // Without an account there is nobody whose contact this is: nothing is kept.
  const { keys, audit, state } = account === undefined ? memoryStorage() : world.storage
  await using transport = via.includes("pep") && account ? await connect(world, account, options) : undefined
  const { provider, clock } = world
  const sources: KeyDirectory[] = []
  for (const name of via) sources.push(await openSource(name, options, { transport, provider, clock }))
  for (const { notice } of sources) if (notice !== undefined) remark(notice)
  if (transport !== undefined) await withProgress(`connecting as ${account}`, online(transport))

  const answers: Answer[] = []
  for (const directory of sources) {
    const known = await Array.fromAsync(keys.keysOf(owner))
    const { items, error } = await withProgress(`asking ${directory.name} for ${owner}`, ask(directory, owner, known))
    // What could not be asked says nothing: it must not look like an empty answer.
    const refreshed =
      error === undefined
        ? await refreshKeys({
            ...{ owner, directory: said(directory, items), keys, audit, provider, clock },
            account: account ?? owner,
            // When the account's list was read, not when somebody else was asked.
            ...(directory.name === "pep" ? { state } : {}),
          })
        : undefined
    answers.push({ source: directory.name, items, refused: refreshed?.refused ?? [], error })
  }

  const known = await Array.fromAsync(keys.keysOf(owner))
  const judged = await judgeKeys({ owner, known, provider, trust, now: clock.now() })
  const decisions = new Map(judged.map(({ key, decision }) => [key.fingerprint, { key, decision }]))
  const shown = new Set<Fingerprint>()
  const failures: (readonly [string, AnyAurochsError])[] = []
  for (const { source, items, refused, error } of answers) {
    const by = { provider, now: clock.now(), refused, decisions, shown }
    for (const item of items) {
      if ("missing" in item) showGap(options.json, owner, source, item)
      else await showFound(options.json, owner, item, by)
    }
    if (error !== undefined) failures.push([source, error])
  }
  for (const { key, info, decision } of judged) {
    const { source, binds } = key
    if (!shown.has(key.fingerprint)) showKey(options.json, { owner, source, binds, info, decision, key })
  }
  // The first one ends the command and is explained there.
  for (const [i, [source, error]] of failures.entries()) {
    if (options.json || i > 0) showError(options.json, owner, source, error)
  }
  if (failures[0] !== undefined) throw failures[0][1]
  if (answers.every(({ items }) => items.length === 0)) {
    remark(account === undefined ? `nobody has a key of ${owner}` : `${owner} announces no key, or not to ${account}`)
  }
}

/** One source's answer; a verifying key server is also asked for newer copies of the keys that are known. */
async function ask(
  directory: KeyDirectory,
  owner: BareJid,
  known: readonly KnownKey[],
): Promise<{ items: (Found | Missing)[]; error?: AnyAurochsError }> {
  const items: (Found | Missing)[] = []
  const queries = directory.name === "vks" ? known.map(({ fingerprint }) => ({ owner, fingerprint })) : []
  try {
    for (const query of [{ owner }, ...queries]) {
      for await (const item of directory.lookup(query)) items.push(item)
    }
    return { items }
  } catch (error) {
    if (!isAurochsError(error)) throw error
    return { items: [], error }
  }
}

/** A directory that says again what was said. */
function said({ name, sources }: KeyDirectory, items: readonly (Found | Missing)[]): KeyDirectory {
  return {
    name,
    sources,
    async *lookup() {
      yield* items
    },
  }
}

async function accountOrNone(
  options: LookupOptions,
  world: World,
  via: readonly SourceName[],
): Promise<BareJid | undefined> {
  try {
    return await accountFor(options, world.storage)
  } catch (error) {
    if (via.includes("pep") || options.account !== undefined || !(error instanceof UsageError)) throw error
    return undefined
  }
}
