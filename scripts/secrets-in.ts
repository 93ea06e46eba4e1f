/** What the tests use as secrets, by what they are: none of it may ever stand in a log or an error. */
const SECRETS: readonly (readonly [what: string, pattern: RegExp])[] = [
  // XEP-0373 §5.4.
  ["a backup code", /\b(?:[1-9A-NP-Z]{4}-){5}[1-9A-NP-Z]{4}\b/],
  ["an armored secret key", /-----BEGIN PGP PRIVATE KEY BLOCK-----/],
  // A v4 secret key packet (RFC 9580 §5.5.1.3) behind either kind of header, with a length of one octet or of two.
  ["a secret key in Base64", /\b(?:(?:xV|lF)[\w+/]E|(?:lQ|xc)[\w+/]{2}B)[\w+/]{60,}/],
  ["a passphrase of the tests", /correct horse|wherefore art thou|star-crossed/i],
  ["a password of the tests' servers", /\bpw-(?:alice|bob|bot|carla|carol|dora|gopher|juliet|keyless|romeo)\b/],
]

/** The example of XEP-0373 §5.4 stands in help texts. */
const HARMLESS = /TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW/g

/**
 * What secrets a text holds, by what they are.
 *
 * @param text a log or an error
 */
export function secretsIn(text: string): string[] {
  const rest = text.replace(HARMLESS, "")
  return SECRETS.filter(([, pattern]) => pattern.test(rest)).map(([what]) => what)
}
