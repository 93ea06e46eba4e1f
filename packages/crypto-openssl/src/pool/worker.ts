// Runs in each worker of a pool: an engine of its own, called by number.
import { parentPort, workerData } from "node:worker_threads"
import { aborted } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import {
  ALL_KEYS,
  type Answer,
  type CertificateReference,
  type KeyReference,
  type Method,
  mapped,
  type Order,
  packError,
  wipeSecrets,
} from "./protocol.ts"

/** Answers that travel together: waking the other thread for each one would cost too much, waiting for many too. */
const MAX_ANSWERS = 4

type Asked = Extract<Order, { kind: "call" }>
type Disposal = Extract<Order, { kind: "dispose" }>
type Call = (...args: unknown[]) => Promise<unknown>

/** The engine's calls, those that it has. */
function callsOf(engine: CryptoProvider): Map<Method, Call> {
  const { lifecycle, secrets } = engine
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
    ["secrets.export", secrets?.export, secrets],
    ["secrets.encryptWithPassword", secrets?.encryptWithPassword, secrets],
    ["secrets.decryptWithPassword", secrets?.decryptWithPassword, secrets],
  ]
  return new Map(
    all.flatMap(([method, call, self]) =>
      typeof call === "function" ? [[method, (...args) => (call as Call).apply(self, args)] as [Method, Call]] : [],
    ),
  )
}

/** Answers orders until the thread is ended. */
function serve(engine: CryptoProvider, post: (answers: readonly Answer[]) => void): (orders: readonly Order[]) => void {
  const calls = callsOf(engine)
  const keys = new Map<number, SecretKey>()
  const certificates = new Map<number, unknown>()
  const running = new Map<number, AbortController>()
  const waiting: (Asked | Disposal)[] = []
  let outgoing: Answer[] = []

  function flush(): void {
    if (outgoing.length > 0) post(outgoing)
    outgoing = []
  }

  function say(answer: Answer): void {
    outgoing.push(answer)
    if (outgoing.length >= MAX_ANSWERS) flush()
    else if (waiting.length === 0) setImmediate(flush)
  }

  function received(object: object): unknown {
    if ("aurochsKey" in object) return keys.get((object as KeyReference).aurochsKey) ?? object
    if (!("aurochsCertificate" in object)) return undefined
    const { aurochsCertificate, fingerprint, bytes } = object as CertificateReference
    if (bytes !== undefined) certificates.set(aurochsCertificate, { fingerprint, bytes })
    return certificates.get(aurochsCertificate)
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
      say({ kind: "done", call, value: told })
    } catch (error) {
      say({ kind: "failed", call, error: packError(error) })
    } finally {
      running.delete(call)
      wipeSecrets(method, own)
    }
  }

  async function dispose({ call, key }: Disposal): Promise<void> {
    const numbers = key === ALL_KEYS ? [...keys.keys()] : [key]
    const gone = numbers.map((number) => keys.get(number))
    for (const number of numbers) keys.delete(number)
    await Promise.allSettled(gone.map((one) => one?.[Symbol.asyncDispose]()))
    say({ kind: "done", call, value: undefined })
  }

  /** One order in each turn of the event loop, so that the first answers are on their way while the next calls run. */
  function turn(): void {
    const order = waiting.shift()
    if (order?.kind === "call") void run(order)
    else if (order !== undefined) void dispose(order)
    setImmediate(waiting.length > 0 ? turn : flush)
  }

  /** What has not begun is dropped. */
  function abort(call: number): void {
    running.get(call)?.abort()
    const at = waiting.findIndex((order) => order.kind === "call" && order.call === call)
    const [dropped] = at === -1 ? [] : waiting.splice(at, 1)
    if (dropped?.kind !== "call") return
    wipeSecrets(dropped.method, dropped.args)
    say({ kind: "failed", call, error: packError(aborted()) })
  }

  return (orders) => {
    const isIdle = waiting.length === 0
    for (const order of orders) {
      if (order.kind === "abort") abort(order.call)
      else if (order.kind === "forget") certificates.delete(order.certificate)
      else if (order.kind === "dispose") waiting.push(order)
      // Certificates and keys are looked up at once: a call may be dropped that brings one for those behind it.
      else waiting.push({ ...order, args: order.args.map((one) => mapped(one, "same", received)) })
    }
    if (isIdle && waiting.length > 0) turn()
  }
}

/** Options are the last argument, and a plain object. */
function withSignal(method: Method, args: readonly unknown[], signal: AbortSignal | undefined): readonly unknown[] {
  if (signal === undefined) return args
  const at = method === "merge" ? 2 : 1
  const options = args[at] as object | undefined
  return [...args.slice(0, at), { ...options, signal }]
}

if (parentPort !== null) {
  const port = parentPort
  const { engine: module } = workerData as { readonly engine: string }
  const { provider } = (await import(module)) as { provider(): CryptoProvider | Promise<CryptoProvider> }
  const engine = await provider()
  const post = (answers: readonly Answer[]): void => port.postMessage(answers)
  port.on("message", serve(engine, post))
  const { name, verdicts } = engine
  post([{ kind: "ready", engine: { name, verdicts, methods: [...callsOf(engine).keys()] } }])
}
