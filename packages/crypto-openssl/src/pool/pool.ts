import { availableParallelism } from "node:os"
import { AurochsError, type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { CryptoProvider, KeyLifecycle, SecretKey, SecretTransfer } from "@aurochs/crypto"
import { sentCertificates } from "./certificates.ts"
import { crew, type Member } from "./crew.ts"
import { poolKeys } from "./keys.ts"
import { ALL_KEYS, type KeyReference, type Method, mapped } from "./protocol.ts"

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
 * loop stays free. Secret keys live in the workers; a key that is made in one is handed to the others. `keyFacts` is not
 * there: an engine that does arithmetic itself belongs into the workers.
 *
 * @throws {AurochsError} `CONFIGURATION` (`workers`, `certificates`), `BACKEND` if the module does not load
 */
export async function pool(options: PoolOptions): Promise<PoolProvider> {
  const count = whole("workers", options.workers ?? availableParallelism())
  const remembered = whole("certificates", options.certificates ?? 1_024)
  const team = await crew(scriptOf(import.meta.url), options.engine, count)
  const { members } = team
  const [first] = members
  if (first === undefined) throw new AurochsError("BACKEND", "there are no workers", { backend: "pool" })
  const { name, verdicts, methods } = first.engine
  const keys = poolKeys()
  let unneeded: number[] = []
  const sent = sentCertificates<Member>(remembered, (certificate) => unneeded.push(certificate))
  let lastKey = 0

  /** Where a call may go: to workers that have all the keys it needs. */
  function membersFor([first, options]: readonly unknown[]): readonly Member[] {
    const { signWith, decryptWith = [] } = { ...(options as { signWith?: unknown; decryptWith?: readonly unknown[] }) }
    const places = [first, signWith, ...decryptWith].flatMap((one) =>
      isHandle(one) ? [keys.placeOf(one).members] : [],
    )
    return places.length === 0 ? members : members.filter((member) => places.every((place) => place.includes(member)))
  }

  /** Only what no order on its way speaks of: this comes after those that were sent before. */
  function forgetUnneeded(): void {
    for (const certificate of unneeded) for (const member of members) team.tell(member, { kind: "forget", certificate })
    unneeded = []
  }

  function packed(args: readonly unknown[], member: Member): readonly unknown[] {
    forgetUnneeded()
    return mapped(args, "own", (object) => {
      if (isHandle(object)) return { aurochsKey: keys.placeOf(object).number } satisfies KeyReference
      return isCertificate(object) ? sent.reference(member, object) : undefined
    }) as readonly unknown[]
  }

  async function ask(
    method: Method,
    args: readonly unknown[],
    call: CallOptions | undefined,
    among: readonly Member[] = membersFor(args),
    firstKey = 0,
  ): Promise<{ readonly value: unknown; readonly by: Member }> {
    const { signal } = call ?? {}
    // What makes keys is waited for, so that none is left behind that nobody has a handle on.
    const abandonable = firstKey === 0
    const abortable = signal !== undefined
    return team.dispatch(
      {
        signal,
        abandonable,
        order: (member, number) => ({
          kind: "call",
          call: number,
          method,
          args: packed(args, member),
          firstKey,
          abortable,
        }),
      },
      among,
    )
  }
  const answerTo = async <T>(method: Method, args: readonly unknown[], call: CallOptions | undefined): Promise<T> =>
    (await ask(method, args, call)).value as T

  /** A worker that has ended has nothing left to forget. */
  async function forgetKey(key: number, member: Member): Promise<void> {
    const order = (_: Member, call: number) => ({ kind: "dispose" as const, call, key })
    await team.dispatch({ abandonable: false, order }, [member])
  }

  function handleOf(number: number, certificate: Certificate, among: readonly Member[]): SecretKey {
    return keys.add({ number, members: among }, certificate, async () => {
      await Promise.allSettled(among.map((member) => forgetKey(number, member)))
    })
  }

  /** A handle on a key that one worker has just made, after the others were given it, where the engine gives keys away. */
  async function shared({ value, by }: { value: unknown; by: Member }): Promise<SecretKey> {
    const { aurochsKey: number, certificate } = value as Required<KeyReference>
    const others = members.filter((member) => member !== by && member.thread !== undefined)
    const local = handleOf(number, certificate as Certificate, [by])
    if (others.length === 0 || !methods.includes("secrets.export")) return local
    const secret = (await answerTo<Uint8Array>(
      "secrets.export",
      [local, { passphrase: "none" }],
      undefined,
    )) as Uint8Array
    try {
      await Promise.all(others.map((member) => ask("importSecret", [secret, {}], undefined, [member], number)))
    } finally {
      secret.fill(0)
    }
    return handleOf(number, certificate as Certificate, [by, ...others])
  }

  /** The same keys in every worker, under the same numbers. */
  async function everywhere(
    method: Method,
    args: readonly unknown[],
    call: CallOptions | undefined,
  ): Promise<SecretKey[]> {
    throwIfAborted(call)
    const firstKey = lastKey + 1
    lastKey += MAX_KEYS_AT_ONCE
    const alive = members.filter(({ thread }) => thread !== undefined)
    const asked = await Promise.allSettled(alive.map((member) => ask(method, args, call, [member], firstKey)))
    const found = asked.map((one) =>
      one.status === "fulfilled" ? [one.value.value].flat().filter((k) => k !== undefined) : [],
    )
    const most = found.reduce((a, b) => (b.length > a.length ? b : a), [])
    const handles = (most as Required<KeyReference>[]).map((key) =>
      handleOf(key.aurochsKey, key.certificate as Certificate, alive),
    )
    const failed = asked.find((one) => one.status === "rejected")
    if (failed === undefined && call?.signal?.aborted !== true) return handles
    for (const handle of handles) await handle[Symbol.asyncDispose]()
    throwIfAborted(call)
    throw failed?.reason
  }

  async function made(
    method: Method,
    args: readonly unknown[],
    call: CallOptions | undefined,
  ): Promise<{ key: SecretKey; value: unknown }> {
    const done = await ask(method, args, call, membersFor(args), ++lastKey)
    const reference = method === "generate" ? (done.value as { key: unknown }).key : done.value
    const key = await shared({ value: reference, by: done.by })
    if (call?.signal?.aborted) await key[Symbol.asyncDispose]()
    throwIfAborted(call)
    return { key, value: done.value }
  }

  const lifecycle: KeyLifecycle = {
    revoke: (key, call) => answerTo("lifecycle.revoke", [key, call], call),
    renew: async (key, call) => (await made("lifecycle.renew", [key, call], call)).key,
    certify: (certificate, call) => answerTo("lifecycle.certify", [certificate, call], call),
  }
  const secrets: SecretTransfer = {
    export: (key, call) => answerTo("secrets.export", [key, call], call),
    encryptWithPassword: (plaintext, call) => answerTo("secrets.encryptWithPassword", [plaintext, call], call),
    decryptWithPassword: (message, call) => answerTo("secrets.decryptWithPassword", [message, call], call),
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
    signcrypt: (plaintext, call) => answerTo("signcrypt", [plaintext, call], call),
    encrypt: (plaintext, call) => answerTo("encrypt", [plaintext, call], call),
    sign: (plaintext, call) => answerTo("sign", [plaintext, call], call),
    open: (message, call) => answerTo("open", [message, call], call),
    ...(methods.includes("openWithSessionKey") && {
      openWithSessionKey: (message, call) => answerTo("openWithSessionKey", [message, call], call),
    }),
    ...(methods.includes("certifiedBy") && {
      certifiedBy: (certificate, call) => answerTo("certifiedBy", [certificate, call], call),
    }),
    ...(methods.includes("lifecycle.revoke") && { lifecycle }),
    ...(methods.includes("secrets.export") && { secrets }),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(members.map((member) => forgetKey(ALL_KEYS, member)))
      await team.end()
    },
  }
}

/** Secret keys that one call may make: more than fit into one message. */
const MAX_KEYS_AT_ONCE = 4_096

/** Beside this file, compiled or not. */
function scriptOf(here: string): URL {
  return new URL(here.endsWith(".ts") ? "./worker.ts" : "./worker.js", here)
}

function isHandle(value: unknown): value is SecretKey {
  return typeof value === "object" && value !== null && Symbol.asyncDispose in value
}

function isCertificate(value: object): value is Certificate {
  const { fingerprint, bytes } = value as Partial<Certificate>
  return typeof fingerprint === "string" && bytes instanceof Uint8Array
}

function whole(field: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value
  throw new AurochsError("CONFIGURATION", `${field} is no positive whole number`, { field })
}
