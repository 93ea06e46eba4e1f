import type { BareJid, CallOptions, Fingerprint } from "@aurochs/core"
import { revocationStateKey } from "@aurochs/keys"
import type { Storage } from "@aurochs/storage"

/** What is remembered of the account's own keys: revocation certificates, a rotation under way, what was announced. */
const OWN = "own-key/"

type StateStore = Storage["state"]

/** Where the values lie. */
export interface OwnStateOptions {
  /** For everything else. */
  readonly database: StateStore
  /** Beside the secret keys. */
  readonly files: StateStore
}

/**
 * A state store that keeps what belongs to the account's own keys beside the secret keys: whoever reads a dump of the
 * database must not be able to revoke them. What an earlier version left in the database is taken over when it is first
 * asked for, and removed there.
 */
export function ownStateInFiles({ database, files }: OwnStateOptions): StateStore {
  const taken = new Set<string>()

  const takeOver = async (key: string, options?: CallOptions) => {
    if (taken.has(key)) return
    for (;;) {
      // In this order: whoever else takes it over, and goes on, has changed what is here.
      const here = await files.get(key, options)
      const before = await database.get(key, options)
      if (before === undefined) break
      const call = { ...options, ifVersion: here?.version ?? "absent" }
      if ((await files.put(key, before.bytes, call)).kind === "conflict") continue
      await database.delete(key, options)
      break
    }
    taken.add(key)
  }

  return {
    async get(key, options) {
      if (!key.startsWith(OWN)) return database.get(key, options)
      await takeOver(key, options)
      return files.get(key, options)
    },
    async put(key, bytes, options) {
      if (!key.startsWith(OWN)) return database.put(key, bytes, options)
      await takeOver(key, options)
      return files.put(key, bytes, options)
    },
    async delete(key, options) {
      if (!key.startsWith(OWN)) return database.delete(key, options)
      await takeOver(key, options)
      await files.delete(key, options)
    },
    // Whoever opened the two closes them.
    async [Symbol.asyncDispose]() {},
  }
}

/**
 * Takes over the revocation certificates of every key that the audit log knows of: nobody may ever ask for them. Once
 * for each account.
 */
export async function moveRevocations(
  account: BareJid,
  { state, files, audit }: Pick<OwnStateOptions, "files"> & Pick<Storage, "state" | "audit">,
): Promise<void> {
  const marker = `${OWN}moved/${account}`
  if ((await files.get(marker)) !== undefined) return
  const own = new Set<Fingerprint>()
  for await (const { kind, fingerprint } of audit.read({ account, subject: account })) {
    if (kind.startsWith("own-key-") && fingerprint !== undefined) own.add(fingerprint)
  }
  for (const fingerprint of own) await state.get(revocationStateKey(account, fingerprint))
  await files.put(marker, new Uint8Array())
}
