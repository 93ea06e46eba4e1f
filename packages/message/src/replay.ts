import { type BareJid, digestOf, type Fingerprint } from "@aurochs/core"

/**
 * Names one signed text that one account received, wherever it is carried (attack A2): SHA-256 over account, signer,
 * time of signing and plaintext, framed as {@link digestOf} does.
 *
 * @param signedAt of the signature, not of `<time/>`
 * @param plaintext exactly as signed
 */
export function replayKeyOf(
  account: BareJid,
  signer: Fingerprint,
  signedAt: Date,
  plaintext: Uint8Array,
): Promise<string> {
  return digestOf(account, signer, String(signedAt.getTime()), plaintext)
}
