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
    return meaning(bound.failure() ?? (error instanceof Error ? error.message : ""))
  }
}

/** Reads a message that is not encrypted. */
export function parseClear(bytes: Uint8Array, inside: Inside): Promise<Content | Failure> {
  // A copy: the library keeps pointing into what it was given. Which packets are allowed, the quota says.
  return parsed(inside, (config) => pgp.PacketList.fromBinary(bytes.slice(), new Map(), config))
}

/** What the library's error means. Its text is only looked at, never passed on. */
function meaning(text: string): Failure {
  if (/Maximum decompressed/.test(text)) {
    return badData("message", "it exceeds maxPlaintextBytes", "maxPlaintextBytes")
  }
  if (/Modification detected|[Aa]uthentication|session key|Decryption failed|ciphertext/.test(text)) {
    return cannotDecrypt("damaged")
  }
  return badData("message", "what it holds is not one OpenPGP message")
}
