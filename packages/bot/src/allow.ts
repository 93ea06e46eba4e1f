import type { BareJid, Fingerprint, TrustDecision, TrustLevel } from "@aurochs/core"
import { fingerprint, sameBareJid } from "@aurochs/core"
import type { CommandContext } from "./context.ts"

/**
 * Who may run a command. Judged by the key that signed this very message, not by what else is known of the account
 * (attack A32).
 */
export type Allow =
  /** This level or a better one. Blind keys are never `verified`. */
  | { readonly level: TrustLevel }
  /** Signed by one of these primary keys. */
  | { readonly fingerprints: readonly Fingerprint[] }
  /** Sent by one of these accounts, with any key their trust policy lets pass. */
  | { readonly jids: readonly BareJid[] }
  | ((ctx: CommandContext) => boolean | Promise<boolean>)

/** Best first; what is further down allows less. */
const order: readonly TrustLevel[] = ["verified", "introduced", "first-use", "blind", "quarantined", "distrusted"]

/** Is `held` this level or a better one? Neither quarantined nor distrusted keys ever reach one. */
export function reachesLevel(held: TrustDecision, needed: TrustLevel): boolean {
  if (held.use === "never") return false
  const rank = order.indexOf(held.level)
  return rank !== -1 && rank < order.indexOf("quarantined") && rank <= order.indexOf(needed)
}

/** May the signer of this message run the command? Undefined: yes; else the reason why not. */
export async function refusedBecause(allow: Allow | undefined, ctx: CommandContext): Promise<string | undefined> {
  if (allow === undefined) return undefined
  if (typeof allow === "function") return (await allow(ctx)) === true ? undefined : "function"
  if ("level" in allow) return reachesLevel(ctx.message.trust, allow.level) ? undefined : "level"
  if ("fingerprints" in allow) {
    return allow.fingerprints.some((one) => fingerprint(one) === ctx.message.signedBy) ? undefined : "fingerprint"
  }
  return allow.jids.some((one) => sameBareJid(one, ctx.message.peer)) ? undefined : "jid"
}
