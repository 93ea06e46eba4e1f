import { withProgress } from "@aurochs/cli-kit"
import { type BareJid, type Certificate, sameBareJid, type Transport } from "@aurochs/core"
import {
  blindBeforeVerification,
  chooseKeys,
  judgeKeys,
  ownKnownKeys,
  pinned,
  type TrustWord,
  trustMessagesFor,
} from "@aurochs/keys"
import type { NetworkOptions, PassphraseOptions } from "./global.ts"
import { connect, online } from "./online.ts"
import { remark } from "./output.ts"
import { loadKeys, usableKeys } from "./own-keys.ts"
import { sendSealed } from "./send-sealed.ts"
import type { World } from "./world.ts"

/**
 * Tells those who are to know of decisions, each in a sealed message (XEP-0434, XEP-0450).
 *
 * @param world its keys are those with trust records
 * @throws {AurochsError} `NO_USABLE_KEY`, `NETWORK`, `AUTHENTICATION`
 */
export async function tellTrust(
  world: World,
  account: BareJid,
  words: readonly TrustWord[],
  options: NetworkOptions & PassphraseOptions,
): Promise<void> {
  const { storage, provider, clock } = world
  const own = await usableKeys(world, account, options)
  const all = await loadKeys(world, account, options)
  const prints = all.map((key) => key.certificate.fingerprint)
  const now = clock.now()
  const place = {
    account,
    signing: own.current.certificate.fingerprint,
    own: all.map((key) => key.certificate),
    provider,
    now,
  }
  const messages = []
  for (const word of words) {
    messages.push(...(await trustMessagesFor(word, { ...place, keys: storage.keys, trust: blindBeforeVerification() })))
  }
  if (messages.length === 0) return remark("one's own keys are nothing to tell others of")

  const keysFor = async (to: BareJid): Promise<readonly Certificate[]> => {
    const stored = await Array.fromAsync(storage.keys.keysOf(to))
    const isOwn = sameBareJid(to, account)
    const held = isOwn ? ownKnownKeys({ keys: all }, account, new Date(0)) : []
    const known = [...held, ...stored.filter((key) => !held.some((one) => one.fingerprint === key.fingerprint))]
    const trust = isOwn ? pinned(prints) : blindBeforeVerification()
    return chooseKeys(await judgeKeys({ owner: to, known, provider, trust, now })).use
  }
  await using transport: Transport = await connect(world, account, options)
  await withProgress(`connecting as ${account}`, online(transport))
  for (const { to, payload } of messages) {
    await sendSealed(world, transport, own, { account, to, toKeys: await keysFor(to), payload: [payload] })
    remark(sameBareJid(to, account) ? "told your other clients" : `told ${to} which other keys are yours`)
  }
}
