import { AurochsError, aborted, type CallOptions, isAurochsError } from "@aurochs/core"

const DNS_CODES: readonly string[] = ["ENOTFOUND", "EAI_AGAIN", "ENODATA"]
const CONNECT_CODES: readonly string[] = ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EACCES"]
const TIMEOUT_CODES: readonly string[] = [
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]

/**
 * What was thrown on the way to a server, as one of ours.
 *
 * @param timedOut the time for the whole request was over
 */
export function networkFailure(error: unknown, host: string, timedOut: boolean, options: CallOptions): unknown {
  if (options.signal?.aborted) return aborted(options.signal)
  const own = ownError(error)
  if (own !== undefined) return own
  const phase = timedOut ? "timeout" : phaseOf(error)
  return new AurochsError("NETWORK", `${host}: ${WORDS[phase]}`, { phase }, { cause: error })
}

const WORDS = {
  dns: "its address cannot be found out",
  connect: "no connection",
  tls: "its TLS certificate is not accepted",
  timeout: "no answer in time",
  closed: "the connection broke",
} as const

function phaseOf(error: unknown): keyof typeof WORDS {
  const code = codeOf(error)
  if (DNS_CODES.includes(code)) return "dns"
  if (CONNECT_CODES.includes(code)) return "connect"
  if (TIMEOUT_CODES.includes(code)) return "timeout"
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|UND_ERR_PRX_TLS|HOSTNAME_MISMATCH)/.test(code))
    return "tls"
  return "closed"
}

function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException
    if (typeof code === "string") return code
  }
  return ""
}

/** undici may wrap what a connector threw. */
function ownError(error: unknown): unknown {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    if (isAurochsError(at)) return at
  }
  return undefined
}
