import { joined, type Packet, tag } from "@aurochs/crypto/packets"
import { type PublicKeyId, sessionRecipient } from "./key-ids.ts"
import { packets } from "./packets.ts"

/**
 * A message as one of our keys sees it: once for each of its session keys that may be for it, because not every program
 * goes on after one that it cannot decrypt. One for a hidden recipient (attack A29) is marked with the key that is to be
 * tried, because not every program tries by itself; the mark is not protected by anything, and what is opened afterwards
 * is the message as it came. Passwords are left out.
 */
export function addressedTo(message: Uint8Array, keys: readonly PublicKeyId[]): readonly Uint8Array[] {
  const all = packets(message)
  const sessions = all.filter((one) => one.tag === tag.publicKeySession).flatMap((one) => forKeys(one, keys))
  const rest = all.filter((one) => one.tag !== tag.publicKeySession && one.tag !== tag.passwordSession)
  return sessions.map((session) => joined([session, ...rest.map((one) => one.bytes)]))
}

/** RFC 9580 §5.1: of version 3, key ID and algorithm come first; zeros hide the recipient. */
function forKeys({ body, bytes }: Packet, keys: readonly PublicKeyId[]): readonly Uint8Array[] {
  const named = sessionRecipient(body)
  if (named !== undefined) return keys.some((key) => key.keyId === named) ? [bytes] : []
  if (body[0] !== 3) return [bytes]
  const fit = keys.filter((key) => key.algorithm === body[9])
  return fit.map((key) => {
    // A copy: the slice of a Buffer would be the caller's own memory.
    const marked = new Uint8Array(bytes)
    marked.set(Buffer.from(key.keyId, "hex"), bytes.length - body.length + 1)
    return marked
  })
}

/**
 * To whom a message is encrypted: the key IDs that its session key packets name, in their order; undefined for a hidden
 * recipient.
 */
export function recipientsOf(message: Uint8Array): readonly (string | undefined)[] {
  const sessions = packets(message).filter((one) => one.tag === tag.publicKeySession)
  return sessions.map(({ body }) => sessionRecipient(body))
}
