import { generateKeyPairSync, type KeyObject } from "node:crypto"

/** An X25519 key pair that is used for one session key packet and then forgotten. */
export interface Ephemeral {
  readonly privateKey: KeyObject
  /** Base64url of the 32 bytes. */
  readonly x: string
}

/** Where ephemeral keys come from. */
export type EphemeralKeys = () => Ephemeral

/** Node's types know no JWK here. */
interface WithJwk {
  readonly privateKey: KeyObject
  readonly publicKey: { readonly x?: string }
}

const PUBLIC_AS_JWK = { publicKeyEncoding: { format: "jwk" } } as unknown as {
  publicKeyEncoding: { format: "der"; type: "spki" }
}

/**
 * A fresh pair. The public key is made as JWK together with the pair: exporting it from its object afterwards costs as
 * much again, and has been seen to hang on older Nodes.
 */
export function freshKey(): Ephemeral {
  const { privateKey, publicKey } = generateKeyPairSync("x25519", PUBLIC_AS_JWK) as unknown as WithJwk
  if (publicKey.x === undefined) throw new Error("no public key")
  return { privateKey, x: publicKey.x }
}
