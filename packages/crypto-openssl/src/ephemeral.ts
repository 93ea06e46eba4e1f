import { generateKeyPair, generateKeyPairSync, type KeyObject } from "node:crypto"

/** An X25519 key pair that is used for one session key packet and then forgotten. */
export interface Ephemeral {
  readonly privateKey: KeyObject
  /** Base64url of the 32 bytes. */
  readonly x: string
}

/** Where ephemeral keys come from; no key comes twice. */
export type EphemeralKeys = () => Ephemeral

/** Node's types know no JWK here. */
interface PublicJwk {
  readonly x?: string
}

const PUBLIC_AS_JWK = { publicKeyEncoding: { format: "jwk" } } as unknown as {
  publicKeyEncoding: { format: "der"; type: "spki" }
}

/**
 * A fresh pair. The public key is made as JWK together with the pair: exporting it from its object afterwards costs as
 * much again, and has been seen to hang on older Nodes.
 */
export function freshKey(): Ephemeral {
  const { privateKey, publicKey } = generateKeyPairSync("x25519", PUBLIC_AS_JWK)
  return ephemeral(publicKey as unknown as PublicJwk, privateKey as unknown as KeyObject)
}

function ephemeral({ x }: PublicJwk, privateKey: KeyObject): Ephemeral {
  if (x === undefined) throw new Error("no public key")
  return { privateKey, x }
}

/**
 * Keys that the thread pool makes ahead while nobody waits for them. Where there are none left, a fresh one is made.
 *
 * @param max how many are kept, those under way among them; 0: none
 */
export function keysAhead(max: number): EphemeralKeys {
  const ready: Ephemeral[] = []
  let underWay = 0
  const refill = (): void => {
    for (; ready.length + underWay < max; underWay++) {
      generateKeyPair("x25519", PUBLIC_AS_JWK, (error, publicKey, privateKey) => {
        underWay--
        // Whoever wants one that could not be made here makes it, and hears why not.
        if (error === null) ready.push(ephemeral(publicKey as unknown as PublicJwk, privateKey as unknown as KeyObject))
      })
    }
  }
  return () => {
    const key = ready.pop() ?? freshKey()
    // Not key by key: each start of a job costs as much again as its end.
    if (ready.length + underWay <= max / 2) refill()
    return key
  }
}
