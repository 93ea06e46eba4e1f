import { AurochsError, type CallOptions, throwIfAborted } from "@aurochs/core"
import type { CryptoProvider, KeyFacts, KeyLifecycle, SecretKey, SecretTransfer } from "@aurochs/crypto"
import type { Engine } from "./engine.ts"
import { keysAhead } from "./ephemeral.ts"
import { type Handles, handles } from "./handles.ts"
import { known } from "./known.ts"
import { open } from "./open.ts"
import { seal } from "./seal.ts"

/** Options of {@link openssl}. */
export interface OpensslOptions {
  /**
   * Reads certificates and keys, decides which are good, and does all that is unusual. It must have `keyFacts`, as
   * OpenPGP.js has; its clock and its limits are this one's.
   */
  readonly fallback: CryptoProvider
  /** How many certificates are remembered with what the fallback decided about them; 256 by default. */
  readonly cacheEntries?: number | undefined
  /**
   * How many ephemeral keys Node's thread pool makes ahead, while the event loop has other things to do; each is used
   * once. What it is worth here says `openssl-ahead` in `docs/performance.md`: on two cores nothing. None by default.
   */
  readonly ephemeralKeysAhead?: number | undefined
  /** Told of each call that the fast path left to the fallback: to see how much is fast. */
  readonly onHandedOn?: ((call: "signcrypt" | "encrypt" | "open") => void) | undefined
}

/**
 * OpenSSL, through node:crypto, as a crypto provider for Node: usual messages are sealed and opened here, by keys that
 * the fallback has found good; everything else is the fallback's.
 *
 * @throws {AurochsError} `CONFIGURATION` (`fallback`) if the fallback does not tell what it decides about keys
 */
export function openssl(options: OpensslOptions): CryptoProvider {
  const { fallback } = options
  const facts = fallback.keyFacts
  if (facts === undefined) {
    throw new AurochsError("CONFIGURATION", "the fallback does not tell what it decides about keys", {
      field: "fallback",
    })
  }
  const own = handles(facts, fallback.secrets)
  const engine: Engine = {
    facts,
    known: known(facts, Math.max(1, options.cacheEntries ?? 256)),
    handles: own,
    ephemeralKey: keysAhead(Math.max(0, options.ephemeralKeysAhead ?? 0)),
  }
  const onHandedOn = options.onHandedOn ?? (() => {})
  return {
    name: "openssl",
    verdicts: fallback.verdicts,
    inspect: (certificate, call) => fallback.inspect(certificate, call),
    minimize: (certificate, call) => fallback.minimize(certificate, call),
    merge: (a, b, call) => fallback.merge(a, b, call),
    async secretKey(fingerprint, call) {
      const key = await fallback.secretKey(fingerprint, call)
      return key && own.wrap(key)
    },
    importSecret: async (secret, call) => (await fallback.importSecret(secret, call)).map(own.wrap),
    async generate(spec, call) {
      const { key, revocation } = await fallback.generate(spec, call)
      return { key: own.wrap(key), revocation }
    },
    async signcrypt(plaintext, call) {
      const sealed = await narrowly(() => seal(engine, plaintext, call))
      throwIfAborted(call)
      if (sealed !== undefined) return sealed
      onHandedOn("signcrypt")
      return fallback.signcrypt(plaintext, { ...call, signWith: own.unwrap(call.signWith) })
    },
    async encrypt(plaintext, { recipients, now, signal }) {
      const call = { recipients, now, signal }
      const sealed = await narrowly(() => seal(engine, plaintext, call))
      throwIfAborted(call)
      if (sealed !== undefined) return sealed
      onHandedOn("encrypt")
      return fallback.encrypt(plaintext, call)
    },
    sign: (plaintext, call) => fallback.sign(plaintext, { ...call, signWith: own.unwrap(call.signWith) }),
    async open(message, call) {
      const opened = await narrowly(() => open(engine, message, call))
      throwIfAborted(call)
      if (opened !== undefined) return opened
      onHandedOn("open")
      return fallback.open(message, { ...call, decryptWith: call.decryptWith.map(own.unwrap) })
    },
    ...(fallback.certifiedBy && { certifiedBy: fallback.certifiedBy.bind(fallback) }),
    ...(fallback.openWithSessionKey && { openWithSessionKey: fallback.openWithSessionKey.bind(fallback) }),
    keyFacts: factsOf(facts, own),
    lifecycle: fallback.lifecycle && lifecycle(fallback.lifecycle, own),
    secrets: fallback.secrets && transfer(fallback.secrets, own),
  }
}

/** The one place that decides: whatever goes wrong on the narrow path, the fallback is asked as if nothing had been tried. */
async function narrowly<T>(path: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await path()
  } catch {
    return undefined
  }
}

function factsOf(of: KeyFacts, own: Handles): KeyFacts {
  return {
    clock: of.clock,
    limits: of.limits,
    encryptionKey: (certificate, call) => of.encryptionKey(certificate, call),
    signingKey: (key, call) => of.signingKey(own.unwrap(key), call),
    decryptionKeys: (key, call) => of.decryptionKeys(own.unwrap(key), call),
    signers: (certificate, call) => of.signers(certificate, call),
  }
}

function lifecycle(of: KeyLifecycle, own: Handles): KeyLifecycle {
  const adopt = of.adopt?.bind(of)
  return {
    revoke: (key, call) => of.revoke(own.unwrap(key), call),
    renew: async (key, call) => own.wrap(await of.renew(own.unwrap(key), call)),
    certify: (certificate, call) => of.certify(certificate, { ...call, signWith: own.unwrap(call.signWith) }),
    ...(adopt && {
      adopt: async (key: SecretKey, certificate: Uint8Array, call?: CallOptions) =>
        own.wrap(await adopt(own.unwrap(key), certificate, call)),
    }),
  }
}

function transfer(of: SecretTransfer, own: Handles): SecretTransfer {
  return {
    export: (key, call) => of.export(own.unwrap(key), call),
    encryptWithPassword: (plaintext, call) => of.encryptWithPassword(plaintext, call),
    decryptWithPassword: (message, call) => of.decryptWithPassword(message, call),
  }
}
