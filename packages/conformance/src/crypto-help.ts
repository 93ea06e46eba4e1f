import { type AurochsErrorCode, type AurochsErrorDetails, isAurochsError } from "@aurochs/core"
import type { CryptoProvider, Opened, SecretKey, SignatureVerdict } from "@aurochs/crypto"
import { expect } from "vitest"
import { isUnsupported } from "./case.ts"
import { certificateFixtures, secretFixtures } from "./fixture-keys.ts"
import { signatureFixtures } from "./fixture-messages.ts"

/** The moment at which fixtures are judged unless a case says otherwise. */
export const NOW: Date = new Date("2025-12-01T00:00:00Z")

/** When most fixtures were signed: after the keys were made, before anything expired or was revoked. */
export const EARLY: Date = new Date("2025-03-01T00:00:00Z")

/** The text inside the fixture messages. */
export const TEXT = "<signcrypt xmlns='urn:xmpp:openpgp:0'>attack at dawn</signcrypt>"

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
}

export function fromBase64(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** A packet with a new-format header (RFC 9580 §4.2.1). */
export function packet(tag: number, body: Uint8Array): Uint8Array {
  const n = body.length
  const length = [255, n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]
  return concat(new Uint8Array([0xc0 | tag, ...length]), body)
}

/** The packets of a sequence in new format without partial lengths: what providers write. */
export function packets(bytes: Uint8Array): { readonly tag: number; readonly body: Uint8Array }[] {
  const found: { tag: number; body: Uint8Array }[] = []
  for (let at = 0; at < bytes.length; ) {
    const header = bytes[at] ?? 0
    const [octets, length] = header & 0x40 ? newLength(bytes, at + 1) : oldLength(bytes, at + 1, header & 3)
    const tag = header & 0x40 ? header & 0x3f : (header & 0x3c) >> 2
    found.push({ tag, body: bytes.subarray(at + 1 + octets, at + 1 + octets + length) })
    at += 1 + octets + length
  }
  return found
}

/** With one bit flipped. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

function newLength(bytes: Uint8Array, at: number): [number, number] {
  const first = bytes[at] ?? 0
  if (first < 192) return [1, first]
  if (first < 224) return [2, ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192]
  return [5, new DataView(bytes.buffer, bytes.byteOffset + at + 1, 4).getUint32(0)]
}

function oldLength(bytes: Uint8Array, at: number, type: number): [number, number] {
  const octets = [1, 2, 4, 0][type] ?? 0
  if (octets === 0) return [0, bytes.length - at]
  let length = 0
  for (let i = 0; i < octets; i++) length = length * 256 + (bytes[at + i] ?? 0)
  return [octets, length]
}

export function certificate(name: keyof typeof certificateFixtures): Uint8Array {
  return fromBase64(certificateFixtures[name])
}

/** A fixture's secret key as a handle. */
export async function secret(p: CryptoProvider, name: keyof typeof secretFixtures): Promise<SecretKey> {
  return first(await p.importSecret(fromBase64(secretFixtures[name])))
}

/** Alice's secret key under another certificate of hers. */
export async function aliceUnder(p: CryptoProvider, name: keyof typeof certificateFixtures): Promise<SecretKey> {
  const secrets = packets(fromBase64(secretFixtures.alice)).filter(({ tag }) => tag === 5 || tag === 7)
  const parts = packets(certificate(name)).map((one) => {
    // A secret key packet begins with the public one.
    const own = secrets.find(({ body }) => one.body.every((byte, i) => byte === body[i]))
    return one.tag === 6 || one.tag === 14 ? first([own].filter((found) => found !== undefined)) : one
  })
  return first(await p.importSecret(concat(...parts.map(({ tag, body }) => packet(tag, body)))))
}

export function first<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined) return broken("there is none")
  return item
}

export async function newKey(p: CryptoProvider, name: string): Promise<SecretKey> {
  return (await p.generate({ userId: `xmpp:${name}@example.org` })).key
}

/** Opens a fixture message as bob, with these certificates to verify by. */
export async function openAsBob(
  p: CryptoProvider,
  base64: string,
  verifyWith: readonly (keyof typeof certificateFixtures)[] = ["alice"],
  now: Date = NOW,
): Promise<Opened> {
  const certificates = verifyWith.map(certificate)
  const known = await Promise.all(certificates.map((bytes) => p.inspect(bytes, { now })))
  const bob = await secret(p, "bob")
  try {
    return await p.open(fromBase64(base64), { decryptWith: [bob], verifyWith: known, now })
  } finally {
    await bob[Symbol.asyncDispose]()
  }
}

/** What a verdict must be, as far as it is said. */
export type Wanted = Partial<{ [K in "kind" | "reason" | "because" | "certificate"]: string }> & {
  readonly kind: string
}

/** The verdict on a signature whose key does not count. */
export function unusable(because: string): Wanted {
  return { kind: "unverified", reason: "unusable-key", because }
}

/** Compares verdicts; of an engine that only reports good signatures, the good ones. */
export function expectVerdicts(p: CryptoProvider, got: readonly SignatureVerdict[], want: readonly Wanted[]): void {
  if (p.verdicts === "full") {
    expect(got).toHaveLength(want.length)
    expect(got).toMatchObject(want)
    return
  }
  const valid = want.filter((one) => one.kind === "valid")
  const gotValid = got.filter((one) => one.kind === "valid")
  expect(gotValid).toHaveLength(valid.length)
  expect(gotValid).toMatchObject(valid)
}

/** The call must fail with this code, and these details as far as they are given. */
export async function expectCode<C extends AurochsErrorCode>(
  call: Promise<unknown>,
  code: C,
  details?: Partial<AurochsErrorDetails[C]>,
): Promise<void> {
  const error = await failure(call)
  if (!isAurochsError(error, code)) broken(`expected ${code}, got ${String(error)}`, error)
  if (details !== undefined) expect(error.details).toMatchObject(details)
}

/** The call must fail with an error of ours. */
export async function expectSomeError(call: Promise<unknown>): Promise<void> {
  const error = await failure(call)
  if (!isAurochsError(error)) broken(`expected an AurochsError, got ${String(error)}`, error)
}

/** Ends a case as failed, as `expect` does: the engine did something else than it must. */
export function broken(message: string, cause?: unknown): never {
  throw Object.assign(new Error(message, { cause }), { name: "AssertionError" })
}

/** What the call rejects with. */
export async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    await call
  } catch (error) {
    if (isUnsupported(error)) throw error
    return error
  }
  return broken("it should have failed")
}

/**
 * Runs an attack on the engine: it must end within five seconds, or, where even an honest message takes long, within
 * twenty times what that takes.
 */
export async function inBoundedTime<T>(p: CryptoProvider, attack: () => Promise<T>): Promise<T> {
  const before = performance.now()
  await openAsBob(p, signatureFixtures.good)
  const started = performance.now()
  const bound = Math.max(5_000, 20 * (started - before))
  const result = await attack()
  expect(performance.now() - started).toBeLessThan(bound)
  return result
}
