import { AurochsError, type Fingerprint } from "@aurochs/core"

/** Errors of this provider never carry the library's own error: its text may quote what it was reading. */
export type DataKind = "certificate" | "secret-key" | "message"

/** `BAD_DATA` about one kind of input. `limit` names the bound that was exceeded. */
export function badData(what: DataKind, why: string, limit?: string): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", why, limit === undefined ? { what } : { what, limit })
}

/** `CANNOT_DECRYPT`, with the reason that a caller may switch over. */
export function cannotDecrypt(because: "not-for-us" | "damaged" | "bad-passphrase"): AurochsError<"CANNOT_DECRYPT"> {
  const text = {
    "not-for-us": "no secret key that was given opens this message",
    damaged: "the message was altered or is incomplete",
    "bad-passphrase": "the passphrase does not open it",
  }
  return new AurochsError("CANNOT_DECRYPT", text[because], { because })
}

/** The engine failed where nothing else is to blame. */
export function backend(what: string): AurochsError<"BACKEND"> {
  return new AurochsError("BACKEND", what, { backend: "openpgpjs" })
}

/** One certificate that may not be used, and why. */
export interface LeftOut {
  readonly fingerprint: Fingerprint
  readonly because: string
}

/**
 * Runs a step of the library; whatever it throws becomes the error given, so that no text of the library gets out.
 *
 * @throws what `otherwise` returns
 */
export async function step<T>(work: () => Promise<T>, otherwise: (message: string) => Error): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw otherwise(error instanceof Error ? error.message : "")
  }
}
