import { availableParallelism } from "node:os"
import { AurochsError, type CallOptions, systemClock } from "@aurochs/core"
import type { CryptoProvider, KeyFacts, KeyLifecycle, SecretTransfer } from "@aurochs/crypto"
import { asking } from "./asking.ts"
import { crew } from "./crew.ts"
import { type Holding, holding } from "./holding.ts"
import { poolKeys } from "./keys.ts"
import { ALL_KEYS, type Method } from "./protocol.ts"

/** Options of {@link pool}. */
export interface PoolOptions {
  /**
   * A module that exports `provider`, a function that makes the engine: `new URL("./engine.js", import.meta.url)`. Each
   * worker calls it once. It is code: never take it from outside.
   */
  readonly engine: URL
  /** How many workers; as many as there are cores by default. */
  readonly workers?: number | undefined
  /** How many certificates the workers remember, so that each is sent once; 1,024 by default. */
  readonly certificates?: number | undefined
}

/** A provider whose work is done by worker threads; disposing it wipes the keys and ends the threads. */
export type PoolProvider = CryptoProvider & AsyncDisposable

/**
 * Runs an engine on worker threads behind the same interface: several calls at a time use several cores, and the event
 * loop stays free. Secret keys live in the workers; a key that is made in one is handed to the others. The clock of its
 * `keyFacts` is the machine's: functions stay where they are.
 *
 * A worker that ends takes its calls with it (`BACKEND`). Another one is started in its place, at most four within a
 * minute and the others later, and is given the keys that another worker has and gives away; a key that no worker has
 * any longer is lost.
 *
 * @throws {AurochsError} `CONFIGURATION` (`workers`, `certificates`), `BACKEND` if the module does not load
 */
export async function pool(options: PoolOptions): Promise<PoolProvider> {
  const count = whole("workers", options.workers ?? availableParallelism())
  const remembered = whole("certificates", options.certificates ?? 1_024)
  let held: Holding | undefined
  const script = scriptOf(import.meta.url)
  const team = await crew({ script, engine: options.engine, count, onReplaced: () => void held?.spreadAll() })
  const [first] = team.members
  if (first === undefined) throw new AurochsError("BACKEND", "there are no workers", { backend: "pool" })
  const { name, verdicts, methods, limits } = first.engine
  const keys = poolKeys()
  const calls = asking(team, keys, remembered)
  held = holding(team, keys, calls)
  const { everywhere, made } = held
  const has = (method: Method) => methods.includes(method)
  const answerTo = async <T>(method: Method, args: readonly unknown[], call: CallOptions | undefined): Promise<T> =>
    (await calls.ask(method, args, call)).value as T

  const lifecycle: KeyLifecycle = {
    revoke: (key, call) => answerTo("lifecycle.revoke", [key, call], call),
    renew: async (key, call) => (await made("lifecycle.renew", [key, call], call)).key,
    certify: (certificate, call) => answerTo("lifecycle.certify", [certificate, call], call),
    ...(has("lifecycle.adopt") && {
      adopt: async (key, certificate, call) => (await made("lifecycle.adopt", [key, certificate, call], call)).key,
    }),
  }
  const secrets: SecretTransfer = {
    export: (key, call) => answerTo("secrets.export", [key, call], call),
    encryptWithPassword: (plaintext, call) => answerTo("secrets.encryptWithPassword", [plaintext, call], call),
    decryptWithPassword: (message, call) => answerTo("secrets.decryptWithPassword", [message, call], call),
  }
  const keyFacts: KeyFacts | undefined = limits && {
    clock: systemClock(),
    limits,
    encryptionKey: (certificate, call) => answerTo("keyFacts.encryptionKey", [certificate, call], call),
    signingKey: (key, call) => answerTo("keyFacts.signingKey", [key, call], call),
    decryptionKeys: (key, call) => answerTo("keyFacts.decryptionKeys", [key, call], call),
    signers: (certificate, call) => answerTo("keyFacts.signers", [certificate, call], call),
  }
  return {
    name,
    verdicts,
    inspect: (certificate, call) => answerTo("inspect", [certificate, call], call),
    minimize: (certificate, call) => answerTo("minimize", [certificate, call], call),
    merge: (a, b, call) => answerTo("merge", [a, b, call], call),
    secretKey: async (fingerprint, call) => (await everywhere("secretKey", [fingerprint, call], call))[0],
    importSecret: (secret, call) => everywhere("importSecret", [secret, call], call),
    async generate(spec, call) {
      const { key, value } = await made("generate", [spec, call], call)
      return { key, revocation: (value as { revocation?: Uint8Array }).revocation }
    },
    signcrypt: (plaintext, call) =>
      calls.askUsual("signcrypt", plaintext, call) as ReturnType<CryptoProvider["signcrypt"]>,
    encrypt: (plaintext, call) => calls.askUsual("encrypt", plaintext, call) as ReturnType<CryptoProvider["encrypt"]>,
    sign: (plaintext, call) => answerTo("sign", [plaintext, call], call),
    open: (message, call) => calls.askUsual("open", message, call) as ReturnType<CryptoProvider["open"]>,
    ...(has("openWithSessionKey") && {
      openWithSessionKey: (message, call) => answerTo("openWithSessionKey", [message, call], call),
    }),
    ...(has("certifiedBy") && {
      certifiedBy: (certificate, call) => answerTo("certifiedBy", [certificate, call], call),
    }),
    ...(has("lifecycle.revoke") && { lifecycle }),
    ...(keyFacts && { keyFacts }),
    ...(has("secrets.export") && { secrets }),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(team.members.map((member) => calls.forgetKey(ALL_KEYS, member)))
      await team.end()
    },
  }
}

/** Beside this file, compiled or not. */
function scriptOf(here: string): URL {
  return new URL(here.endsWith(".ts") ? "./worker.ts" : "./worker.js", here)
}

function whole(field: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value
  throw new AurochsError("CONFIGURATION", `${field} is no positive whole number`, { field })
}
