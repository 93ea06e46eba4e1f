import type { BareJid } from "@aurochs/core"
import { pinned, type TrustPolicy, tofu } from "@aurochs/keys"
import type { Config } from "./config.ts"

/** Fingerprints in the configuration bind; everybody else is trusted on first use. */
export function trustFor(config: Pick<Config, "recipients">): (peer: BareJid) => TrustPolicy {
  return (peer) => {
    const fingerprints = config.recipients.find((recipient) => recipient.jid === peer)?.fingerprints
    return fingerprints === undefined ? tofu() : pinned(fingerprints)
  }
}
