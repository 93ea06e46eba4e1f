import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"

/** What an engine said of one array of bytes. */
interface Said {
  /** What the bytes were: whoever changes the array has another certificate. */
  readonly of: Uint8Array
  readonly info: CertificateInfo
}

/**
 * What engines said of certificates, for as long as they said it holds. Weak on both sides: an entry lives as long as
 * the array and the engine, and there is one for each array.
 */
const said = new WeakMap<CryptoProvider, WeakMap<Uint8Array, Said>>()

/**
 * What the engine said before of these very bytes, if that is so at `now` as well.
 *
 * @returns undefined: it has to be asked
 */
export function saidBefore(provider: CryptoProvider, bytes: Uint8Array, now: Date): CertificateInfo | undefined {
  const known = said.get(provider)?.get(bytes)
  if (known === undefined || !holdsAt(known.info, now) || !sameBytes(known.of, bytes)) return undefined
  return known.info
}

/**
 * Asks the engine, and remembers the answer where the engine says for how long it holds.
 *
 * @throws {AurochsError} as `CryptoProvider.inspect`
 */
export async function inspected(
  provider: CryptoProvider,
  bytes: Uint8Array,
  options: { readonly now: Date; readonly signal?: AbortSignal | undefined },
): Promise<CertificateInfo> {
  const of = new Uint8Array(bytes)
  const { now, signal } = options
  const info = frozen(await provider.inspect(bytes, { now, signal }))
  // Changed while the engine read it: nobody knows what the answer is about.
  if (!holdsAt(info, now) || !sameBytes(of, bytes)) return info
  const byBytes = said.get(provider) ?? new WeakMap<Uint8Array, Said>()
  said.set(provider, byBytes.set(bytes, { of, info }))
  return info
}

/** Whoever is given it, is given what others are given later. */
function frozen(info: CertificateInfo): CertificateInfo {
  const userIds = info.userIds.map((one) => Object.freeze({ ...one }))
  return Object.freeze({ ...info, userIds: Object.freeze(userIds) })
}

/** Written so that a moment that is none lies nowhere. */
function holdsAt({ holds }: CertificateInfo, now: Date): boolean {
  const at = now.getTime()
  return holds !== undefined && at >= holds.from && at < holds.until
}

/** Node's own comparison, where there is one. */
const node = (globalThis as { readonly Buffer?: { compare(a: Uint8Array, b: Uint8Array): number } }).Buffer

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  if (node !== undefined) return node.compare(a, b) === 0
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
