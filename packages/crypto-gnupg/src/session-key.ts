import type { CallOptions } from "@aurochs/core"
import type { SessionKey } from "@aurochs/crypto"
import { joined, type Part, tag, writePackets } from "@aurochs/crypto/packets"
import type { Context } from "./context.ts"
import type { SessionPacket } from "./envelope.ts"
import { backend } from "./errors.ts"
import { withFolder } from "./folder.ts"
import type { Answer } from "./gpg.ts"
import type { Held } from "./handles.ts"
import type { OwnPart } from "./own-parts.ts"
import { askFor } from "./passphrase.ts"
import { argsOf, isLocked, lacksAgent, lacksSecret } from "./status.ts"

/** Why there is no session key. */
export type NoSessionKey = "locked" | "missing" | "damaged"

/** Integrity-protected data that does not open: gpg gets to the session key before it finds out. */
const NOTHING: Part = { tag: tag.encrypted, body: Uint8Array.of(1, ...new Uint8Array(59)) }

/**
 * Has gpg decrypt one session key packet with one key.
 *
 * gpg sees neither the message nor any other packet of it: what it gets is the session key packet and data that does
 * not open, so a hostile message has nothing to work on. A packet for a hidden recipient gets the name of the key to
 * try, so that gpg uses this key and no other one of the homedir.
 *
 * @throws {AurochsError} `BACKEND`, `ABORTED`
 */
export async function sessionKeyOf(
  context: Context,
  held: Held,
  part: OwnPart,
  session: SessionPacket,
  options: CallOptions,
): Promise<SessionKey | NoSessionKey> {
  const input = writePackets([{ tag: tag.publicKeySession, body: named(session.body, part.keyId) }, NOTHING])
  return withFolder(context.left, async (folder) => {
    const keyring = await folder.file("keys.gpg", held.certificate.bytes)
    const attempt = (passphrase: Uint8Array | undefined) =>
      context.gpg({
        args: ["--show-session-key", "--output", "-", "--decrypt"],
        input,
        keyring,
        passphrase,
        signal: options.signal,
      })
    const first = read(await attempt(held.passphrase), part)
    if (first !== "locked") return first
    const asked = await askFor(context, held, part, options)
    return asked === undefined ? "locked" : read(await attempt(asked), part)
  })
}

function named(body: Uint8Array, keyId: string): Uint8Array {
  return joined([body.subarray(0, 1), Buffer.from(keyId, "hex"), body.subarray(9)])
}

function read({ status, exitCode }: Answer, part: OwnPart): SessionKey | NoSessionKey {
  const found = /^(\d{1,3}):((?:[0-9A-F]{2})+)$/i.exec(argsOf(status, "SESSION_KEY")?.[0] ?? "")
  if (found !== null) {
    if (argsOf(status, "DECRYPTION_KEY")?.[0] !== part.fingerprint) throw backend("gpg used another key")
    return { algorithm: Number(found[1]), bytes: new Uint8Array(Buffer.from(found[2] ?? "", "hex")) }
  }
  if (isLocked(status)) return "locked"
  if (lacksAgent(status)) throw backend("gpg-agent does not answer", exitCode)
  if (lacksSecret(status)) return "missing"
  if (argsOf(status, "ENC_TO") === undefined) throw backend("gpg failed before it looked at the message", exitCode)
  return "damaged"
}
