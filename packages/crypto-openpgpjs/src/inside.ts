import { isAurochsError } from "@aurochs/core"
import type { Limits } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { type Content, contentOf } from "./content.ts"
import { badData, cannotDecrypt } from "./errors.ts"
import { quota } from "./quota.ts"

/** The bounds for what stands inside of a message. */
export interface Inside {
  readonly config: pgp.Config
  readonly limits: Limits
  /** Packets that are left of `maxPackets`. */
  readonly maxPackets: number
}

/** What the library says of decrypted bytes that are no packets. */
const NO_PACKETS = /Error during parsing|Unexpected end of packet/

/** Why a message does not open. */
export type Failure = ReturnType<typeof cannotDecrypt> | ReturnType<typeof badData>

/**
 * Runs the library's parser within the bounds and reads what came out.
 *
 * @param parse must use the configuration it is given, and may fail in any way
 */
export async function parsed(
  inside: Inside,
  parse: (config: pgp.Config) => Promise<pgp.PacketList<pgp.AnyPacket>>,
): Promise<Content | Failure> {
  const bound = quota(inside.config, inside.maxPackets)
  try {
    return await contentOf(await parse(bound.config), inside.limits)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return error
    if (bound.exceeded()) return badData("message", "it exceeds maxPackets", "maxPackets")
    // The library's text is only looked at, never passed on.
    const text = bound.failure() ?? (error instanceof Error ? error.message : "")
    if (!bound.started() && !NO_PACKETS.test(text)) return cannotDecrypt("damaged")
    if (!/Maximum decompressed/.test(text)) return badData("message", "what it holds is not one OpenPGP message")
    return badData("message", "it exceeds maxPlaintextBytes", "maxPlaintextBytes")
  }
}

/** Reads a message that is not encrypted. */
export function parseClear(bytes: Uint8Array, inside: Inside): Promise<Content | Failure> {
  // A copy: the library keeps pointing into what it was given. Which packets are allowed, the quota says.
  return parsed(inside, (config) => pgp.PacketList.fromBinary(new Uint8Array(bytes), new Map(), config))
}
