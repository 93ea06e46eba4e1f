// Runs in each worker of a pool: an engine of its own, called by number.
import { parentPort, workerData } from "node:worker_threads"
import { aborted, type Certificate } from "@aurochs/core"
import type { CryptoProvider, Opened, SecretKey } from "@aurochs/crypto"
import { type FrameWriter, frameReader, frameWriter, isFrames } from "./frames.ts"
import {
  ALL_KEYS,
  type Answer,
  type CertificateReference,
  type FromWorker,
  type KeyReference,
  type Method,
  mapped,
  memoryOf,
  type Order,
  packError,
  secretArgs,
  secretResult,
  type ToWorker,
  wipe,
} from "./protocol.ts"
import { readCall, type UsualCall, writeValue } from "./usual.ts"

/**
 * Calls that are begun in one turn of the event loop, whose answers travel together: a turn, a message and waking the
 * other thread cost as much as a third of a call. While they travel, as many others are under way.
 */
const TOGETHER = 8
/** Nothing more is begun in a turn after so many milliseconds: large messages are not waited for by others. */
const MAX_TURN_MS = 2

type Asked = Extract<Order, { kind: "call" }>
type Disposal = Extract<Order, { kind: "dispose" }>
/** A usual call, its keys and certificates found. */
interface Usual {
  readonly kind: "usual"
  readonly call: number
  readonly abortable: boolean
  /** In the engine; made when its turn comes. */
  make(signal: AbortSignal | undefined): Promise<Uint8Array | Opened>
}
type Call = (...args: unknown[]) => Promise<unknown>

/** The engine's calls, those that it has. */
function callsOf(engine: CryptoProvider): Map<Method, Call> {
  const { lifecycle, secrets, keyFacts } = engine
  const all: readonly (readonly [Method, unknown, object | undefined])[] = [
    ["inspect", engine.inspect, engine],
    ["minimize", engine.minimize, engine],
    ["merge", engine.merge, engine],
    ["secretKey", engine.secretKey, engine],
    ["importSecret", engine.importSecret, engine],
    ["generate", engine.generate, engine],
    ["signcrypt", engine.signcrypt, engine],
    ["encrypt", engine.encrypt, engine],
    ["sign", engine.sign, engine],
    ["open", engine.open, engine],
    ["openWithSessionKey", engine.openWithSessionKey, engine],
    ["certifiedBy", engine.certifiedBy, engine],
    ["lifecycle.revoke", lifecycle?.revoke, lifecycle],
    ["lifecycle.renew", lifecycle?.renew, lifecycle],
    ["lifecycle.certify", lifecycle?.certify, lifecycle],
    ["lifecycle.adopt", lifecycle?.adopt, lifecycle],
    ["secrets.export", secrets?.export, secrets],
    ["secrets.encryptWithPassword", secrets?.encryptWithPassword, secrets],
    ["secrets.decryptWithPassword", secrets?.decryptWithPassword, secrets],
    ["keyFacts.encryptionKey", keyFacts?.encryptionKey, keyFacts],
    ["keyFacts.signingKey", keyFacts?.signingKey, keyFacts],
    ["keyFacts.decryptionKeys", keyFacts?.decryptionKeys, keyFacts],
    ["keyFacts.signers", keyFacts?.signers, keyFacts],
  ]
  return new Map(
    all.flatMap(([method, call, self]) =>
      typeof call === "function" ? [[method, (...args) => (call as Call).apply(self, args)] as [Method, Call]] : [],
    ),
  )
}

/** Answers orders until the thread is ended. */
function serve(
  engine: CryptoProvider,
  post: (items: readonly FromWorker[], secrets: readonly Uint8Array[]) => void,
): (items: readonly ToWorker[]) => void {
  const calls = callsOf(engine)
  const keys = new Map<number, SecretKey>()
  const certificates = new Map<number, Certificate>()
  const running = new Map<number, AbortController>()
  const waiting: (Asked | Disposal | Usual)[] = []
  let outgoing: Answer[] = []
  /** What is secret in `outgoing`. */
  let leaving: Uint8Array[] = []
  let written: FrameWriter | undefined
  let isTurning = false

  function flush(): void {
    if (written === undefined && outgoing.length === 0) return
    post(written === undefined ? outgoing : [written.take(), ...outgoing], leaving)
    written = undefined
    outgoing = []
    leaving = []
  }

  /** Between two turns nothing else sends it. */
  function soon(): void {
    if (!isTurning && written === undefined && outgoing.length === 0) setImmediate(flush)
  }

  function say(answer: Answer): void {
    soon()
    outgoing.push(answer)
  }

  function sayUsual(call: number, value: Uint8Array | Opened): void {
    soon()
    written ??= frameWriter()
    if (!writeValue(written, call, value))
      outgoing.push({ kind: "done", call, value: mapped(value, "own", () => undefined) })
  }

  function received(object: object): unknown {
    if ("aurochsKey" in object) return keys.get((object as KeyReference).aurochsKey) ?? object
    if ("aurochsCertificate" in object) return certificates.get((object as CertificateReference).aurochsCertificate)
    return undefined
  }

  /** Certificates and keys are looked up at once: what is forgotten later was there when it was asked. */
  function usual({ call, method, abortable, now: at, keys: numbers, certificates: named, bytes }: UsualCall): Usual {
    const now = at === undefined ? undefined : new Date(at)
    // A key that is not there the engine refuses.
    const handles = numbers.map((number) => received({ aurochsKey: number }) as SecretKey)
    const known = named.map((number) => certificates.get(number) as Certificate)
    const [signWith] = handles
    return {
      kind: "usual",
      call,
      abortable,
      make(signal) {
        if (method === "open") return engine.open(bytes, { decryptWith: handles, verifyWith: known, now, signal })
        if (method === "encrypt") return engine.encrypt(bytes, { recipients: known, now, signal })
        return engine.signcrypt(bytes, { recipients: known, signWith: signWith as SecretKey, now, signal })
      },
    }
  }

  async function runUsual({ call, abortable, make }: Usual): Promise<void> {
    const stop = abortable ? new AbortController() : undefined
    if (stop !== undefined) running.set(call, stop)
    try {
      sayUsual(call, await make(stop?.signal))
    } catch (error) {
      say({ kind: "failed", call, error: packError(error) })
    } finally {
      if (stop !== undefined) running.delete(call)
    }
  }

  async function run({ call, method, args: own, firstKey, abortable }: Asked): Promise<void> {
    const stop = abortable ? new AbortController() : undefined
    if (stop !== undefined) running.set(call, stop)
    try {
      const value = await calls.get(method)?.(...withSignal(method, own, stop?.signal))
      let next = firstKey
      const told = mapped(value, "own", (object) => {
        if (!(Symbol.asyncDispose in object)) return undefined
        keys.set(next, object as SecretKey)
        const { fingerprint, bytes } = (object as SecretKey).certificate
        return {
          aurochsKey: next++,
          certificate: { fingerprint, bytes: new Uint8Array(bytes) },
        } satisfies KeyReference
      })
      leaving.push(...secretResult(method, told))
      say({ kind: "done", call, value: told })
      wipe(secretResult(method, value))
    } catch (error) {
      say({ kind: "failed", call, error: packError(error) })
    } finally {
      running.delete(call)
      wipe(secretArgs(method, own))
    }
  }

  async function dispose({ call, key }: Disposal): Promise<void> {
    const numbers = key === ALL_KEYS ? [...keys.keys()] : [key]
    const gone = numbers.map((number) => keys.get(number))
    for (const number of numbers) keys.delete(number)
    await Promise.allSettled(gone.map((one) => one?.[Symbol.asyncDispose]()))
    say({ kind: "done", call, value: undefined })
  }

  /** Begins what is waiting, a few at a time; what is answered by the end of the turn is sent together. */
  function turn(): void {
    isTurning = true
    const begun = performance.now()
    for (let n = 0; n < TOGETHER && performance.now() - begun < MAX_TURN_MS; n++) {
      const [order] = waiting
      // A key is not taken away from calls that have only just begun.
      if (order === undefined || (order.kind === "dispose" && n > 0)) break
      waiting.shift()
      if (order.kind === "usual") void runUsual(order)
      else if (order.kind === "call") void run(order)
      else void dispose(order)
    }
    setImmediate(() => {
      isTurning = false
      flush()
      if (waiting.length > 0) turn()
    })
  }

  /** What has not begun is dropped. */
  function abort(call: number): void {
    running.get(call)?.abort()
    const at = waiting.findIndex((order) => order.kind !== "dispose" && order.call === call)
    const [dropped] = at === -1 ? [] : waiting.splice(at, 1)
    if (dropped === undefined) return
    if (dropped.kind === "call") wipe(secretArgs(dropped.method, dropped.args))
    say({ kind: "failed", call, error: packError(aborted()) })
  }

  function take(item: Order): void {
    if (item.kind === "abort") abort(item.call)
    else if (item.kind === "know") certificates.set(item.number, item.certificate)
    else if (item.kind === "forget") certificates.delete(item.certificate)
    else if (item.kind === "dispose") waiting.push(item)
    else waiting.push({ ...item, args: item.args.map((one) => mapped(one, "same", received)) })
  }

  return (items) => {
    for (const item of items) {
      if (!isFrames(item)) take(item)
      else for (const from = frameReader(item); !from.isDone; ) waiting.push(usual(readCall(from)))
    }
    if (!isTurning && waiting.length > 0) turn()
  }
}

/** Options are the last argument, and a plain object. */
function withSignal(method: Method, args: readonly unknown[], signal: AbortSignal | undefined): readonly unknown[] {
  if (signal === undefined) return args
  const at = method === "merge" || method === "lifecycle.adopt" ? 2 : 1
  const options = args[at] as object | undefined
  return [...args.slice(0, at), { ...options, signal }]
}

if (parentPort !== null) {
  const port = parentPort
  const { engine: module } = workerData as { readonly engine: string }
  const { provider } = (await import(module)) as { provider(): CryptoProvider | Promise<CryptoProvider> }
  const engine = await provider()
  const post = (items: readonly FromWorker[], secrets: readonly Uint8Array[]): void => {
    port.postMessage(items, [...items.filter(isFrames).map(({ frames }) => frames), ...memoryOf(secrets)])
  }
  port.on("message", serve(engine, post))
  const { name, verdicts, keyFacts } = engine
  const methods = [...callsOf(engine).keys()]
  post([{ kind: "ready", engine: { name, verdicts, methods, limits: keyFacts?.limits } }], [])
}
