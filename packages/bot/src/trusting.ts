import { type BareJid, type CallOptions, type Fingerprint, type KnownKey, sameBareJid } from "@aurochs/core"
import {
  decideKey,
  hearTrust,
  readTrustElement,
  reconsiderTrust,
  type TrustWord,
  trustMessagesFor,
} from "@aurochs/keys"
import type { Secure } from "@aurochs/message"
import type { Outgoing } from "./outgoing.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { Parts } from "./parts.ts"

/** What the operator, and whoever is trusted to, says of keys. */
export interface Trusting {
  /**
   * Writes a decision down, and with `trustMessages` tells those who are to know (XEP-0450 §5).
   *
   * @throws {AurochsError} `NO_USABLE_KEY` if the key is not known, `STORAGE`, `ABORTED`
   */
  decide(owner: BareJid, fingerprint: Fingerprint, approval: KnownKey["approval"], options?: CallOptions): Promise<void>
  /** Looks for a trust message in a secure message. */
  heard(message: Secure, options?: CallOptions): Promise<void>
  /** Keys became known: words that waited for them may apply now. */
  reconsider(options?: CallOptions): Promise<void>
}

/** What it works with. */
export interface TrustingOptions {
  readonly parts: Parts
  readonly own: () => OwnKeys
  readonly outgoing: Outgoing
  readonly trustMessages: boolean
  /** The decisions on this owner's keys changed. */
  readonly onDecided: (owner: BareJid) => void
}

/** Makes it. */
export function createTrusting({ parts, own, outgoing, trustMessages, onDecided }: TrustingOptions): Trusting {
  const { account, clock, provider, storage, trusted, log } = parts
  const place = (options?: CallOptions) => ({
    account,
    own: own().all.map((key) => key.certificate),
    keys: trusted,
    provider,
    audit: storage.audit,
    clock,
    signal: options?.signal,
  })

  const applied = (words: readonly TrustWord[]) => {
    for (const { owner, fingerprint, says } of words) {
      log.info("a trust message was applied", { owner, fingerprint, says })
      onDecided(owner)
    }
  }

  const tell = async (word: TrustWord, options?: CallOptions) => {
    const { current, all } = own()
    const place = { account, signing: current.certificate.fingerprint, keys: trusted, provider, now: clock.now() }
    const held = all.map((key) => key.certificate)
    const told = await trustMessagesFor(word, { ...place, own: held, trust: parts.trustFor(word.owner), ...options })
    await outgoing.enqueue(
      told.map(({ to, payload }) => ({ to, payload: [payload], encryptedOnly: true })),
      options,
    )
  }

  const reconsider = async (options?: CallOptions) => {
    if (trustMessages) applied(await reconsiderTrust(place(options)))
  }

  return {
    async decide(owner, fingerprint, approval, options) {
      await decideKey({ ...place(options), owner, fingerprint, approval })
      if (trustMessages && approval !== "none" && !sameBareJid(owner, account)) {
        await tell({ owner, fingerprint, says: approval === "verified" ? "trust" : "distrust" }, options)
      }
      await reconsider(options)
      onDecided(owner)
    },
    async heard(message, options) {
      if (!trustMessages) return
      const sender = message.direction === "out" ? account : message.peer
      const words = message.payload.flatMap((child) => readTrustElement(child, { account, sender }))
      if (words.length === 0) return
      const { signedBy, writtenAt } = message
      applied(await hearTrust(words, { sender, signedBy, writtenAt }, place(options)))
    },
    reconsider,
  }
}
