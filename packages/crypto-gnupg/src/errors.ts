import { AurochsError, type BareJid, type Fingerprint } from "@aurochs/core"

/** Errors of this provider never carry what gpg printed: it may quote what it was reading. */
export function badData(what: "certificate" | "secret-key" | "message", why: string, limit?: string): AurochsError {
  return new AurochsError("BAD_DATA", why, limit === undefined ? { what } : { what, limit })
}

/** `CANNOT_DECRYPT`, with the reason that a caller may switch over. */
export function cannotDecrypt(because: "not-for-us" | "damaged"): AurochsError<"CANNOT_DECRYPT"> {
  const text = {
    "not-for-us": "no secret key that was given opens this message",
    damaged: "the message was altered or is incomplete",
  }
  return new AurochsError("CANNOT_DECRYPT", text[because], { because })
}

/** GnuPG failed where nothing else is to blame. */
export function backend(what: string, exitCode?: number | null): AurochsError<"BACKEND"> {
  const details = { backend: "gnupg" }
  return new AurochsError("BACKEND", what, typeof exitCode === "number" ? { ...details, exitCode } : details)
}

/** The secret key needs a passphrase or a PIN, and none could be had. */
export function locked(fingerprint: Fingerprint): AurochsError<"KEY_LOCKED"> {
  const why = "the secret key needs a passphrase, or its card is not there"
  return new AurochsError("KEY_LOCKED", why, { fingerprint })
}

/** Whose a certificate is that carries no `xmpp:` User ID; the top-level domain never exists (RFC 2606). */
const UNKNOWN_OWNER: BareJid = "unknown@unknown.invalid"

/** `NO_USABLE_KEY`, naming one certificate. */
export function noUsableKey(fingerprint: Fingerprint, because: string, owner: BareJid | undefined): AurochsError {
  const why = `not every key may be used: ${fingerprint}: ${because}`
  return new AurochsError("NO_USABLE_KEY", why, {
    owner: owner ?? UNKNOWN_OWNER,
    leftOut: [{ fingerprint, because }],
  })
}

/** What this engine cannot do at all. */
export function unsupported(feature: string): AurochsError<"UNSUPPORTED"> {
  return new AurochsError("UNSUPPORTED", `GnuPG cannot do this here: ${feature}`, { feature })
}

/** A setting or an argument is wrong. */
export function configuration(field: string, why: string): AurochsError<"CONFIGURATION"> {
  return new AurochsError("CONFIGURATION", why, { field })
}
