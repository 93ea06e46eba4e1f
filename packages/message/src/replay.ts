import { type BareJid, digestOf, type Fingerprint } from "@aurochs/core"

const LF = 10
const CR = 13

/**
 * Names one signed text that one account received, wherever it is carried (attack A2): SHA-256 over account, signer and
 * plaintext without its line ends, framed as {@link digestOf} does.
 *
 * It has to be the same however the text is encrypted again, by any of those who could read it. So it holds what only the
 * signer can change: no packet, which anybody can write differently; not the time of the signature, which an engine need
 * not know (`<time/>` and `<rpad/>` are in the text); no line ends, which a signature over text leaves open (RFC 9580
 * §5.2.1.2). The signer is in it, since anybody else can sign the same text before.
 *
 * @param signer primary key
 * @param plaintext what was signed
 */
export function replayKeyOf(account: BareJid, signer: Fingerprint, plaintext: Uint8Array): Promise<string> {
  const hasLineEnds = plaintext.includes(LF) || plaintext.includes(CR)
  return digestOf(account, signer, hasLineEnds ? plaintext.filter((byte) => byte !== LF && byte !== CR) : plaintext)
}
