import {
  type AnyAurochsError,
  AurochsError,
  type AurochsErrorDetails,
  type Clock,
  isAurochsError,
  textOf,
  type XmlElement,
} from "@aurochs/core"

type Phase = AurochsErrorDetails["NETWORK"]["phase"]

/** A failure, and whether trying again makes sense. */
export interface Failure {
  readonly error: AnyAurochsError
  readonly permanent: boolean
  /** The server ended the stream on purpose, or sent what cannot be read: the session must not be resumed. */
  readonly fatal: boolean
}

const mark = Symbol("failure")

/** Carries a {@link Failure} through a rejection. */
export function failure(error: AnyAurochsError, o: { permanent?: boolean; fatal?: boolean } = {}): Error {
  const facts: Failure = { error, permanent: o.permanent ?? false, fatal: o.fatal ?? false }
  return Object.assign(new Error(error.message), { [mark]: facts })
}

/** What a rejection on the way to a session, or during one, means. */
export function failureOf(thrown: unknown): Failure {
  const facts = (thrown as { [mark]?: Failure } | null | undefined)?.[mark]
  if (facts !== undefined) return facts
  const error = connectionError(thrown)
  const permanent = error.code === "AUTHENTICATION" || error.code === "CONFIGURATION"
  return { error, permanent, fatal: permanent || error.code === "BAD_DATA" }
}

/** A connection that is not there or was lost. */
export function networkError(
  phase: Phase,
  message: string,
  cause?: unknown,
): AurochsError<"NETWORK"> & AnyAurochsError {
  return new AurochsError("NETWORK", message, { phase }, cause === undefined ? undefined : { cause })
}

/** A login that was refused, by either side. */
export function loginRefused(message: string, mechanism?: string): AurochsError<"AUTHENTICATION"> & AnyAurochsError {
  return new AurochsError("AUTHENTICATION", message, mechanism === undefined ? {} : { mechanism })
}

const DNS = ["ENOTFOUND", "EAI_AGAIN", "ENODATA"]
const CONNECT = ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL", "ECONNERROR"]

/** An error of the socket in our terms. */
export function connectionError(error: unknown): AnyAurochsError {
  if (isAurochsError(error)) return error
  const code = codeOf(error)
  if (DNS.includes(code)) return networkError("dns", "the server's name cannot be found", error)
  if (CONNECT.includes(code)) return networkError("connect", "the server cannot be reached", error)
  return networkError("closed", "the connection was lost", error)
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ""
  if ("code" in error && typeof error.code === "string") return error.code
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return error.cause === undefined ? "" : codeOf(error.cause)
}

const STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
const HOST = ["host-unknown", "host-gone", "improper-addressing"]

/**
 * Who has been proved to be at the other end: nobody; the server, by TLS, or because it is this machine; the server to
 * whom we have logged in.
 */
export type Proved = "nobody" | "server" | "login"

/**
 * What a `<stream:error/>` means (RFC 6120 §4.9). Before TLS anybody on the way may have sent it: it ends nothing but
 * the attempt. `see-other-host` is not followed: before the login anybody may have sent it, and after it an operator
 * who moves a host has DNS to say so (X13).
 *
 * @param proved who sent it
 */
export function streamError(element: XmlElement, proved: Proved): Error {
  const condition = element.children.find(
    (child): child is XmlElement =>
      typeof child !== "string" && child.namespace === STREAM_ERRORS && child.name !== "text",
  )
  const name = condition?.name ?? "undefined-condition"
  // Only who may end the session can say that it ended.
  const fatal = proved === "login"
  if (name === "conflict" && proved === "login") {
    const message = "another client took this resource: give each its own, or none"
    return failure(new AurochsError("CONFIGURATION", message, { field: "jid" }), { permanent: true, fatal })
  }
  if (HOST.includes(name)) {
    const message = `the server does not serve the domain of this JID (${name})`
    if (proved === "nobody") return failure(networkError("closed", `somebody without TLS says: ${message}`))
    return failure(new AurochsError("CONFIGURATION", message, { field: "jid" }), { permanent: true, fatal })
  }
  const elsewhere =
    name === "see-other-host" && condition !== undefined ? ` (${textOf(condition).slice(0, 100)}, not followed)` : ""
  return failure(networkError("closed", `the server ended the stream: ${name}${elsewhere}`), { fatal })
}

/**
 * Waits for a step of connecting, but not for ever (X6).
 *
 * @throws {AurochsError} `NETWORK` (`timeout`)
 */
export async function within<T>(ms: number, clock: Clock, step: string, work: Promise<T>): Promise<T> {
  const over = new AbortController()
  const late = clock.sleep(ms, { signal: over.signal }).then(
    () => {
      throw networkError("timeout", `the server took too long: ${step}`)
    },
    () => new Promise<never>(() => {}),
  )
  try {
    return await Promise.race([work, late])
  } finally {
    over.abort()
  }
}
