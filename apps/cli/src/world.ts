import { existsSync } from "node:fs"
import { join } from "node:path"
import { UsageError } from "@aurochs/cli-kit"
import { type BareJid, bareJid, type Clock, cryptoRandom, type Random, systemClock } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { fileStorage, fileStore, memoryStorage, type Storage } from "@aurochs/storage"
import { openEngine } from "./engines.ts"
import { type GlobalOptions, jidArgument } from "./global.ts"

/** What a command works with. */
export interface World extends AsyncDisposable {
  readonly storage: Storage
  readonly provider: CryptoProvider
  readonly clock: Clock
  readonly random: Random
  /** Secrets that were asked for already: one command asks once. */
  readonly asked: { passphrase?: Promise<string> }
}

/**
 * Opens the home folder and the engine.
 *
 * @param access `read`: a home folder that is not there yet is not made, it just holds nothing
 * @throws {UsageError} an engine that is unknown or not usable here
 * @throws {AurochsError} `STORAGE`
 */
export async function openWorld(options: GlobalOptions, access: "read" | "write" = "write"): Promise<World> {
  const engine = await openEngine(options)
  try {
    const storage = access === "write" ? await fileStorage(options.home) : readableStorage(options.home)
    return {
      storage,
      provider: engine.provider,
      clock: systemClock(),
      random: cryptoRandom(),
      asked: {},
      async [Symbol.asyncDispose]() {
        await storage[Symbol.asyncDispose]()
        await engine[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

/** Storage makes its folder as soon as it is used, so there must be one already. */
function readableStorage(home: string): Storage {
  return existsSync(join(home, "storage.json")) ? fileStore(home) : memoryStorage()
}

const ACCOUNTS = "cli:accounts"

/** The accounts that have a key in this home folder. */
export async function accountsOf(storage: Storage): Promise<BareJid[]> {
  const stored = await storage.state.get(ACCOUNTS)
  const names: unknown = stored === undefined ? [] : JSON.parse(new TextDecoder().decode(stored.bytes))
  return Array.isArray(names) ? names.filter((name) => typeof name === "string").map(bareJid) : []
}

/** Remembers that this account has a key here. */
export async function rememberAccount(storage: Storage, account: BareJid): Promise<void> {
  for (;;) {
    const before = await storage.state.get(ACCOUNTS)
    const names = new Set([...(await accountsOf(storage)), account])
    const bytes = new TextEncoder().encode(JSON.stringify([...names].sort()))
    const result = await storage.state.put(ACCOUNTS, bytes, { ifVersion: before?.version ?? "absent" })
    if (result.kind === "stored") return
  }
}

/**
 * The account that a command is about.
 *
 * @throws {UsageError} if none was named and there is not exactly one
 */
export async function accountFor(options: GlobalOptions, storage: Storage): Promise<BareJid> {
  if (options.account !== undefined) return jidArgument("--account", options.account)
  const accounts = await accountsOf(storage)
  const [only] = accounts
  if (accounts.length === 1 && only !== undefined) return only
  throw new UsageError(
    accounts.length === 0
      ? "No account has a key here yet: aurochs key generate --jid YOU@EXAMPLE.ORG makes one."
      : `Several accounts have keys here: say which with --account (${accounts.join(", ")}).`,
  )
}
