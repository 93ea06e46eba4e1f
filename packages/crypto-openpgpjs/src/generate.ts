import { AurochsError, type CallOptions, throwIfAborted } from "@aurochs/core"
import type { At, Generated, KeySpec } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { type Context, momentOf } from "./context.ts"
import { makeSignature, packetList } from "./engine.ts"
import { backend, step } from "./errors.ts"
import { checkedSecret, type Keyring } from "./secrets.ts"

/** Longest User ID that is made, in UTF-8 bytes: a bare JID has at most 2,047. */
const MAX_USER_ID_BYTES = 2_048

/**
 * Makes a key: v4 with a signing Ed25519 primary key and a Curve25519 encryption subkey in their legacy encodings, or
 * v6 (RFC 9580 §5.5.2) with the new ones.
 *
 * @throws {AurochsError} `CONFIGURATION`, `BACKEND`, `ABORTED`
 */
export async function generate(
  context: Context,
  keys: Keyring,
  spec: KeySpec,
  options: (CallOptions & At) | undefined,
): Promise<Generated> {
  throwIfAborted(options)
  const date = momentOf(context, options)
  const userId = checkedUserId(spec.userId)
  const seconds = secondsOf(spec.expiresInMs)
  const kind = spec.version === 6 ? { type: "curve25519" as const } : LEGACY
  const config = { ...context.config, v6Keys: spec.version === 6 }
  const failed = () => backend("making the key failed")
  const { privateKey } = await step(
    () =>
      pgp.generateKey({
        ...kind,
        userIDs: [{ name: userId }],
        date,
        ...(seconds === undefined ? {} : { keyExpirationTime: seconds }),
        format: "object",
        config,
      }),
    failed,
  )
  throwIfAborted(options)
  const unlocked = await checkedSecret(context, privateKey)
  if (unlocked.checked.users[0]?.text !== userId) throw failed()
  const revocation = await step(() => revocationOf(privateKey, date, config), failed)
  throwIfAborted(options)
  return { key: keys.add(unlocked), revocation }
}

const LEGACY = { type: "ecc", curve: "curve25519Legacy" } as const

/** A revocation without a reason, which therefore counts for all time (RFC 9580 §10.1.2: a signature of its own). */
async function revocationOf(key: pgp.PrivateKey, date: Date, config: pgp.Config): Promise<Uint8Array> {
  const fields = {
    reasonForRevocationFlag: pgp.enums.reasonForRevocation.noReason,
    reasonForRevocationString: "",
  }
  const primary = key.keyPacket as pgp.SecretKeyPacket
  const type = pgp.enums.signature.keyRevocation
  return packetList([await makeSignature(type, primary, { key: primary }, fields, date, config)]).write()
}

function checkedUserId(userId: string): string {
  const bytes = new TextEncoder().encode(userId).length
  // A lone surrogate would become U+FFFD: the User ID on the key would not be the one that was asked for.
  if (userId === "" || bytes > MAX_USER_ID_BYTES || !userId.isWellFormed() || /\p{Cc}/u.test(userId)) {
    throw new AurochsError("CONFIGURATION", "the User ID is empty, too long, or has control characters", {
      field: "userId",
    })
  }
  return userId
}

/** Milliseconds as whole seconds of the key expiration subpacket, which holds 32 bits. */
export function secondsOf(expiresInMs: number | undefined): number | undefined {
  if (expiresInMs === undefined) return undefined
  const seconds = Math.ceil(expiresInMs / 1000)
  if (!(seconds >= 1 && seconds < 2 ** 32)) {
    throw new AurochsError("CONFIGURATION", "expiresInMs is not between a millisecond and 136 years", {
      field: "expiresInMs",
    })
  }
  return seconds
}
