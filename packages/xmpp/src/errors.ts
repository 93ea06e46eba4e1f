import { AurochsError, type AurochsErrorDetails, isAurochsError } from "@aurochs/core"

type Phase = AurochsErrorDetails["NETWORK"]["phase"]

/** A connection that is not there or was lost. */
export function networkError(phase: Phase, message: string, cause?: unknown): AurochsError<"NETWORK"> {
  return new AurochsError("NETWORK", message, { phase }, cause === undefined ? undefined : { cause })
}

const DNS = ["ENOTFOUND", "EAI_AGAIN", "ENODATA"]
const CONNECT = ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL", "ECONNERROR"]

/** An error of the socket or the library in our terms. Its text never holds the password. */
export function connectionError(error: unknown): AurochsError {
  if (isAurochsError(error)) return error
  const code = codeOf(error)
  if (DNS.includes(code)) return networkError("dns", "the server's name cannot be found", error)
  if (CONNECT.includes(code)) return networkError("connect", "the server cannot be reached", error)
  if (/CERT|TLS|SSL|ERR_OSSL|SIGNATURE/.test(code)) {
    return networkError("tls", `the server's certificate or TLS is not acceptable (${code})`, error)
  }
  const condition = error instanceof Error && "condition" in error ? String(error.condition) : undefined
  if (error instanceof Error && error.name === "SASLError") {
    return new AurochsError(
      "AUTHENTICATION",
      `the server refused the login (${condition ?? "no mechanism in common"})`,
      {},
      { cause: error },
    )
  }
  return networkError(
    "closed",
    condition ? `the server closed the stream (${condition})` : "the connection was lost",
    error,
  )
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ""
  if ("code" in error && typeof error.code === "string") return error.code
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return error.cause === undefined ? "" : codeOf(error.cause)
}

/**
 * Is it useless to try again? A login that was refused; and, before the first session, a server that is not acceptable.
 */
export function isPermanent(error: AurochsError, hadSession: boolean): boolean {
  if (isAurochsError(error, "AUTHENTICATION")) return !/temporary-auth-failure/.test(error.message)
  if (isAurochsError(error, "CONFIGURATION")) return true
  return isAurochsError(error, "NETWORK") && error.details.phase === "tls" && !hadSession
}
