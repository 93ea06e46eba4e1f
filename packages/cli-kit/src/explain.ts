import { type AnyAurochsError, isAurochsError } from "@aurochs/core"
import { UsageError } from "./exit-codes.ts"

/**
 * An error in a sentence for the person at the terminal: what happened and what to do next, without a stack trace.
 *
 * @param error anything that was thrown
 */
export function explain(error: unknown): string {
  if (error instanceof UsageError) return error.message
  if (!isAurochsError(error)) return error instanceof Error ? error.message : String(error)
  const advice = adviceFor(error)
  return advice === undefined ? sentence(error.message) : `${sentence(error.message)} ${advice}`
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function adviceFor(error: AnyAurochsError): string | undefined {
  switch (error.code) {
    case "AUTHENTICATION":
      return "Check the account's address and password."
    case "KEY_LOCKED":
      return "Give the passphrase (AUROCHS_PASSPHRASE, or a file)."
    case "NO_USABLE_KEY": {
      const why = error.details.leftOut.map((key) => `${key.fingerprint}: ${key.because}`)
      return why.length > 0 ? `Left out: ${why.join("; ")}.` : undefined
    }
    case "NETWORK":
      return error.details.phase === "tls"
        ? tlsAdvice(error.message)
        : "Is the server running, and is its address right?"
    case "STANZA_ERROR":
      return `The server answered ${error.details.condition}.`
    case "STORAGE":
      return "Is the database or folder there, and may this user write to it?"
    default:
      return undefined
  }
}

/** TLS fails for three reasons, which only the message tells apart. */
function tlsAdvice(message: string): string {
  if (message.includes("certificate")) {
    return "If the server's certificate comes from an authority of your own, name it in NODE_EXTRA_CA_CERTS."
  }
  if (/not be encrypted|STARTTLS/.test(message)) {
    const must = "The server must offer TLS (STARTTLS, xmpps:// or wss://)."
    return message.includes("nothing was sent") ? must : `Nothing was sent. ${must}`
  }
  return "Does the server speak TLS at this address and port?"
}
