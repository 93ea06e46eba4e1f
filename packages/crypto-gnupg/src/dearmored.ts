/**
 * The bytes of the one armored block in a file of gpg's own (RFC 9580 §6.2), such as those in `openpgp-revocs.d`, where
 * a colon stands before the first dashes. Not for anything that came from elsewhere: the checksum is not read.
 *
 * @returns undefined if there is no block
 */
export function dearmored(text: string): Uint8Array | undefined {
  const block =
    /-----BEGIN PGP [A-Z ]+-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\r\n]+?)(?:\r?\n=[^\r\n]*)?\r?\n-----END/
  const base64 = block.exec(text)?.[1]
  return base64 === undefined ? undefined : new Uint8Array(Buffer.from(base64, "base64"))
}
