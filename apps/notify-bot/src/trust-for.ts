import type { BareJid } from "@aurochs/core"
import { pinned, type TrustPolicy, tofu } from "@aurochs/keys"
import type { Config } from "./config.ts"
import { withSources } from "./sources.ts"

/** Fingerprints in the configuration bind; everybody else is trusted on first use, from the sources that may bind. */
export function trustFor(config: Pick<Config, "recipients" | "sources">): (peer: BareJid) => TrustPolicy {
  return (peer) => {
    const fingerprints = config.recipients.find((recipient) => recipient.jid === peer)?.fingerprints
    return withSources(fingerprints === undefined ? tofu() : pinned(fingerprints), config.sources)
  }
}
