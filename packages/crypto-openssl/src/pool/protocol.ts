import { type AnyAurochsError, AurochsError, type Certificate, isAurochsError } from "@aurochs/core"
import type { Limits } from "@aurochs/crypto"
import type { Frames } from "./frames.ts"

/** Calls of a provider, by their place in it. */
export type Method =
  | "inspect"
  | "minimize"
  | "merge"
  | "secretKey"
  | "importSecret"
  | "generate"
  | "signcrypt"
  | "encrypt"
  | "sign"
  | "open"
  | "openWithSessionKey"
  | "certifiedBy"
  | "lifecycle.revoke"
  | "lifecycle.renew"
  | "lifecycle.certify"
  | "lifecycle.adopt"
  | "secrets.export"
  | "secrets.encryptWithPassword"
  | "secrets.decryptWithPassword"
  | "keyFacts.encryptionKey"
  | "keyFacts.signingKey"
  | "keyFacts.decryptionKeys"
  | "keyFacts.signers"

/** Instead of one key's number, which begin at 1. */
export const ALL_KEYS = 0

/** What a worker is told. */
export type Order =
  | {
      readonly kind: "call"
      readonly call: number
      readonly method: Method
      /** As `pack` left them. */
      readonly args: readonly unknown[]
      /** Number of the first secret key that comes of it; further ones follow. */
      readonly firstKey: number
      /** May an `abort` follow? */
      readonly abortable: boolean
    }
  | { readonly kind: "abort"; readonly call: number }
  | { readonly kind: "dispose"; readonly call: number; readonly key: number }
  /** A certificate that later orders speak of by its number. */
  | { readonly kind: "know"; readonly number: number; readonly certificate: Certificate }
  | { readonly kind: "forget"; readonly certificate: number }

/** What a worker says. */
export type Answer =
  | { readonly kind: "ready"; readonly engine: EngineDescription }
  | { readonly kind: "done"; readonly call: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly call: number; readonly error: PackedError }

/** What a pool has to know of the engine in its workers. */
export interface EngineDescription {
  readonly name: string
  readonly verdicts: "full" | "valid-only"
  readonly methods: readonly Method[]
  /** Of `keyFacts`, where the engine has them. */
  readonly limits: Limits | undefined
}

/** What goes between the threads, several at a time; calls that are made for each message as {@link Frames}. */
export type ToWorker = Order | Frames
export type FromWorker = Answer | Frames

/** An error on its way between threads; undefined: one that no caller is told more of. */
export type PackedError = Pick<AnyAurochsError, "code" | "message" | "details"> | undefined

/** Errors that have no code stay where they are: their text may quote anything. */
export function packError(error: unknown): PackedError {
  if (!isAurochsError(error)) return undefined
  const { code, message, details } = error
  return { code, message, details } as PackedError
}

export function unpackError(packed: PackedError, backend: string): AnyAurochsError {
  if (packed === undefined) return new AurochsError("BACKEND", "the engine failed", { backend })
  return new AurochsError(packed.code, packed.message, packed.details) as AnyAurochsError
}

/** A secret key that lives in the workers, and a certificate that was sent before: what goes between threads instead. */
export interface KeyReference {
  readonly aurochsKey: number
  /** As the owner of the handle sees it; from a worker only. */
  readonly certificate?: unknown
}
export interface CertificateReference {
  readonly aurochsCertificate: number
}

/**
 * Rebuilds a value, each object in it replaced where `replace` knows another one. Signals stay behind.
 *
 * @param bytes `own`: byte arrays become arrays of their own, since one that is sent as a view would take everything
 * along that lies in the same memory; `same`: they stay what they are
 */
export function mapped(value: unknown, bytes: "own" | "same", replace: (object: object) => unknown): unknown {
  // Nothing that could not be sent: the engine does without.
  if (typeof value === "function" || typeof value === "symbol") return undefined
  if (typeof value !== "object" || value === null || value instanceof Date) return value
  if (value instanceof Uint8Array) return bytes === "own" ? new Uint8Array(value) : value
  if (value instanceof AbortSignal) return undefined
  const other = replace(value)
  if (other !== undefined) return other
  if (Array.isArray(value)) return value.map((one) => mapped(one, bytes, replace))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapped(one, bytes, replace)]))
}

/** What is secret in a call's arguments. */
export function secretArgs(method: Method, args: readonly unknown[]): readonly Uint8Array[] {
  const [first, options] = args as [unknown, { passphrase?: unknown; sessionKey?: { bytes?: unknown } } | undefined]
  const isSecret = method === "importSecret" || method === "secrets.encryptWithPassword"
  return [isSecret ? first : undefined, options?.passphrase, options?.sessionKey?.bytes].filter(isBytes)
}

/** What is secret in a call's result: a key, or what was protected as one is. */
export function secretResult(method: Method, value: unknown): readonly Uint8Array[] {
  return method === "secrets.export" || method === "secrets.decryptWithPassword" ? [value].filter(isBytes) : []
}

/** Overwrites bytes that are nobody else's, once the call is over. Those that went to another thread are not here any more. */
export function wipe(secrets: readonly Uint8Array[]): void {
  for (const one of secrets) if (one.length > 0) one.fill(0)
}

/** Their memory changes hands instead of being copied: nothing of it is left in the thread that sends it. */
export function memoryOf(secrets: readonly Uint8Array[]): ArrayBuffer[] {
  return secrets.map(({ buffer }) => buffer as ArrayBuffer)
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}
