import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto"
import { deflateRawSync, deflateSync, inflateRawSync, inflateSync } from "node:zlib"
import * as pgp from "openpgp"
import { type Form, type Part, readParts, writeParts } from "./packets.ts"

/** A message taken apart, so that it can be changed inside and closed again with its integrity intact. */
export interface Draft {
  /** Session key packets. */
  readonly outer: readonly Part[]
  /** One-pass signatures, text, signatures. */
  readonly inner: readonly Part[]
  /** Around all of `inner`. */
  readonly compression: Compression
  /** How the packets around are written. */
  readonly compressedForm: Form
  readonly sealedForm: Form
  readonly key: { readonly cipher: string; readonly bytes: Buffer }
}

/** "double" is compression inside compression. */
export type Compression = "none" | "zip" | "zlib" | "double"

const CIPHERS: Readonly<Record<string, string>> = {
  aes256: "aes-256-cfb",
  aes128: "aes-128-cfb",
  aes192: "aes-192-cfb",
}

/** @param binaryKey the recipient's secret key */
export async function takeApart(binaryMessage: Uint8Array, binaryKey: Uint8Array): Promise<Draft> {
  const decryptionKeys = await pgp.readPrivateKey({ binaryKey })
  const message = await pgp.readMessage({ binaryMessage })
  const [session] = await pgp.decryptSessionKeys({ message, decryptionKeys })
  const cipher = CIPHERS[session?.algorithm ?? ""]
  const parts = readParts(Buffer.from(binaryMessage))
  const data = parts.pop()
  if (session === undefined || cipher === undefined || data?.body[0] !== 1) throw new Error("another kind of message")
  const bytes = Buffer.from(session.data)
  const plain = createDecipheriv(cipher, bytes, Buffer.alloc(16)).update(data.body.subarray(1))
  const inside = readParts(plain.subarray(18, -22))
  const [only] = inside
  const around = { outer: parts, compressedForm: "shortest", sealedForm: "shortest", key: { cipher, bytes } } as const
  if (only?.tag !== 8) return { ...around, inner: inside, compression: "none" }
  const packed = only.body.subarray(1)
  if (only.body[0] === 1) return { ...around, inner: readParts(inflateRawSync(packed)), compression: "zip" }
  if (only.body[0] === 2) return { ...around, inner: readParts(inflateSync(packed)), compression: "zlib" }
  throw new Error("another kind of compression")
}

/**
 * Closes it again.
 *
 * @param change may change the packets inside as bytes
 */
export function putTogether(draft: Draft, change: (inside: Buffer) => Buffer = (inside) => inside): Buffer {
  const { outer, key, sealedForm } = draft
  const inside = change(compressed(draft, writeParts(draft.inner)))
  const prefix = randomBytes(16)
  const head = Buffer.concat([prefix, prefix.subarray(14), inside, Buffer.of(0xd3, 0x14)])
  const whole = Buffer.concat([head, createHash("sha1").update(head).digest()])
  const encrypted = createCipheriv(key.cipher, key.bytes, Buffer.alloc(16)).update(whole)
  return writeParts([...outer, { tag: 18, body: Buffer.concat([Buffer.of(1), encrypted]), form: sealedForm }])
}

function compressed({ compression, compressedForm: form }: Draft, inside: Buffer): Buffer {
  const zip = (body: Buffer) => ({ tag: 8, body: Buffer.concat([Buffer.of(1), deflateRawSync(body)]), form })
  const zlib = (body: Buffer) => ({ tag: 8, body: Buffer.concat([Buffer.of(2), deflateSync(body)]), form })
  switch (compression) {
    case "none":
      return inside
    case "zip":
      return writeParts([zip(inside)])
    case "zlib":
      return writeParts([zlib(inside)])
    case "double":
      return writeParts([zlib(writeParts([zip(inside)]))])
  }
}
