import { getCiphers, getHashes, hash } from "node:crypto"

/** Can Node's OpenSSL be used here? */
export type OpensslAvailability =
  | { readonly usable: true; readonly version: string }
  | { readonly usable: false; readonly because: string }

const CIPHERS = ["aes-128-cfb", "aes-256-cfb", "id-aes128-wrap", "id-aes192-wrap", "id-aes256-wrap"] as const
const HASHES = ["sha1", "sha256", "sha384", "sha512"] as const

/**
 * Is there all that usual messages need? Where something is missing (another runtime, OpenSSL in FIPS mode) the provider
 * still works, by its fallback.
 */
export function opensslAvailable(): OpensslAvailability {
  const { node, openssl: version } = process.versions
  if (version === undefined || typeof hash !== "function") {
    return { usable: false, because: `node:crypto of ${node} is not OpenSSL, or older than Node 22` }
  }
  const ciphers = new Set(getCiphers())
  const hashes = new Set(getHashes().map((name) => name.toLowerCase()))
  const missing = [...CIPHERS.filter((name) => !ciphers.has(name)), ...HASHES.filter((name) => !hashes.has(name))]
  if (missing.length > 0) return { usable: false, because: `OpenSSL ${version} has no ${missing.join(", ")}` }
  return { usable: true, version }
}
