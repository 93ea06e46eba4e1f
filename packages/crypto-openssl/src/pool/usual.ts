import type { CallOptions, Certificate } from "@aurochs/core"
import type { At, Opened, SecretKey } from "@aurochs/crypto"
import type { FrameReader, FrameWriter } from "./frames.ts"

/** Calls that are made for each message. */
export type UsualMethod = "signcrypt" | "encrypt" | "open"

const METHODS: readonly UsualMethod[] = ["signcrypt", "encrypt", "open"]

/** Their options, as far as they are usual. */
export interface UsualOptions extends CallOptions, At {
  readonly signWith?: SecretKey | undefined
  readonly recipients?: readonly Certificate[] | undefined
  readonly decryptWith?: readonly SecretKey[] | undefined
  readonly verifyWith?: readonly Certificate[] | undefined
  readonly limits?: unknown
}

/** Can it go as numbers and bytes? Whatever is not as it should be, the engine refuses. */
export function isUsual(method: UsualMethod, bytes: unknown, o: UsualOptions): boolean {
  if (!(bytes instanceof Uint8Array) || o.limits !== undefined) return false
  if (o.now !== undefined && !(o.now instanceof Date)) return false
  if (method === "open") return Array.isArray(o.decryptWith) && Array.isArray(o.verifyWith)
  return Array.isArray(o.recipients) && (method === "encrypt" || o.signWith !== undefined)
}

/** One such call; keys and certificates by their numbers. */
export interface UsualCall {
  readonly call: number
  readonly method: UsualMethod
  /** May an `abort` follow? */
  readonly abortable: boolean
  /** Milliseconds since 1970; undefined: the engine's own clock. */
  readonly now: number | undefined
  /** Of `open`: those to decrypt with; of `signcrypt`: the one to sign with. */
  readonly keys: readonly number[]
  /** To verify with, or to encrypt to. */
  readonly certificates: readonly number[]
  readonly bytes: Uint8Array
}

/** Of no moment: no date has it, also one that is no date. */
const NO_MOMENT = Number.NEGATIVE_INFINITY

export function writeCall(to: FrameWriter, one: UsualCall): void {
  to.number(one.call)
  to.number(METHODS.indexOf(one.method))
  to.number(one.abortable ? 1 : 0)
  to.number(one.now ?? NO_MOMENT)
  for (const numbers of [one.keys, one.certificates]) {
    to.number(numbers.length)
    for (const number of numbers) to.number(number)
  }
  to.bytes(one.bytes)
}

export function readCall(from: FrameReader): UsualCall {
  const call = from.number()
  const method = METHODS[from.number()] ?? "open"
  const abortable = from.number() === 1
  const now = from.number()
  const keys = readNumbers(from)
  const certificates = readNumbers(from)
  const bytes = from.bytes()
  return { call, method, abortable, now: now === NO_MOMENT ? undefined : now, keys, certificates, bytes }
}

function readNumbers(from: FrameReader): readonly number[] {
  const numbers: number[] = []
  for (let left = from.number(); left > 0; left--) numbers.push(from.number())
  return numbers
}

/** What usually comes of them. */
type UsualValue = Uint8Array | Opened

const SEALED = 0
const UNSIGNED = 1
const SIGNED = 2

/** Kinds of strings that are written; others go as objects. */
const HEX = /^[0-9A-F]{1,64}$/

/**
 * Writes what came of a call.
 *
 * @returns false: it is not usual, nothing was written
 */
export function writeValue(to: FrameWriter, call: number, value: UsualValue): boolean {
  if (value instanceof Uint8Array) {
    to.number(call)
    to.number(SEALED)
    to.bytes(value)
    return true
  }
  const { plaintext, encrypted, encryptedTo, signatures } = value
  const [signature] = signatures
  const isSigned = signature?.kind === "valid" && HEX.test(signature.certificate)
  // All is looked at before anything is written: half a value would spoil those behind it.
  if (!(plaintext instanceof Uint8Array) || (isSigned && !(signature.signedAt instanceof Date))) return false
  if (signatures.length > (isSigned ? 1 : 0) || (encryptedTo !== undefined && !HEX.test(encryptedTo))) return false
  to.number(call)
  to.number(isSigned ? SIGNED : UNSIGNED)
  to.number(encrypted ? 1 : 0)
  to.text(encryptedTo ?? "")
  to.bytes(plaintext)
  if (isSigned) {
    to.text(signature.certificate)
    to.number(signature.signedAt.getTime())
  }
  return true
}

export function readValue(from: FrameReader): { readonly call: number; readonly value: UsualValue } {
  const call = from.number()
  const kind = from.number()
  // Copies: each is its caller's alone.
  if (kind === SEALED) return { call, value: from.bytes().slice() }
  const encrypted = from.number() === 1
  const encryptedTo = from.text() || undefined
  const plaintext = from.bytes().slice()
  if (kind !== SIGNED) return { call, value: { plaintext, encrypted, encryptedTo, signatures: [] } }
  const certificate = from.text()
  const signedAt = new Date(from.number())
  return { call, value: { plaintext, encrypted, encryptedTo, signatures: [{ kind: "valid", certificate, signedAt }] } }
}
