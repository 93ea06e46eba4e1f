import { AurochsError } from "@aurochs/core"

/** Exit codes of draft-dkg-openpgp-stateless-cli §6 that this provider decides by. */
export const exit = {
  unsupportedAlgorithm: 13,
  certificateCannotEncrypt: 17,
  cannotDecrypt: 29,
  badData: 41,
  unsupportedSubcommand: 69,
  keyCannotSign: 79,
} as const

/** What the program cannot do, by the exit code with which it says so. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [13, "asymmetric algorithm"],
  [37, "option"],
  [69, "subcommand"],
  [71, "special prefix"],
  [83, "options together"],
  [89, "profile"],
])

/** `BAD_DATA` about a message. `limit` names the bound that was exceeded. */
export function badMessage(why: string, limit?: string): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", why, limit === undefined ? { what: "message" } : { what: "message", limit })
}

/** `CANNOT_DECRYPT`, with the reason that a caller may switch over. */
export function cannotDecrypt(because: "not-for-us" | "damaged"): AurochsError<"CANNOT_DECRYPT"> {
  const text = {
    "not-for-us": "no secret key that was given opens this message",
    damaged: "the message was altered or is incomplete",
  }
  return new AurochsError("CANNOT_DECRYPT", text[because], { because })
}

/** `UNSUPPORTED`: the program, or every program of this kind, cannot do it. */
export function unsupported(feature: string, why: string): AurochsError<"UNSUPPORTED"> {
  return new AurochsError("UNSUPPORTED", why, { feature })
}

/** The program failed where nothing else is to blame. What it printed is never passed on: it may quote what it read. */
export function backend(name: string, why: string, exitCode?: number): AurochsError<"BACKEND"> {
  return new AurochsError("BACKEND", `${name}: ${why}`, {
    backend: name,
    ...(exitCode === undefined ? {} : { exitCode }),
  })
}

/**
 * The error for an exit code, where the code alone says enough.
 *
 * @param name of the backend
 * @param subcommand e.g. `encrypt`
 * @param exitCode undefined if a signal ended the program
 */
export function exited(name: string, subcommand: string, exitCode: number | undefined): AurochsError {
  const feature = exitCode === undefined ? undefined : UNSUPPORTED.get(exitCode)
  if (feature !== undefined) return unsupported(`${subcommand}: ${feature}`, `${name} does not support it`)
  const how = exitCode === undefined ? "was ended by a signal" : `ended with exit code ${exitCode}`
  return backend(name, `${subcommand} ${how}`, exitCode)
}
