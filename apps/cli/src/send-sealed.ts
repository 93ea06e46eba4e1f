import {
  type BareJid,
  type CallOptions,
  type Certificate,
  randomId,
  type Transport,
  type XmlElement,
} from "@aurochs/core"
import { openpgpBytesOf, seal } from "@aurochs/message"
import type { usableKeys } from "./own-keys.ts"
import type { World } from "./world.ts"

/** What is sent to whom. */
export interface Sealed extends CallOptions {
  readonly account: BareJid
  readonly to: BareJid
  readonly toKeys: readonly Certificate[]
  readonly payload: readonly XmlElement[]
}

/** Seals and sends a message, and keeps it in the archive; its id. */
export async function sendSealed(
  { storage, provider, clock, random }: World,
  transport: Transport,
  own: Awaited<ReturnType<typeof usableKeys>>,
  message: Sealed,
): Promise<string> {
  const { account, to, toKeys, payload, signal } = message
  const now = clock.now()
  const id = randomId(random)
  const place = { from: account, to, toKeys, signWith: own.current, alsoTo: own.usable }
  const stanza = await seal([...payload], { ...place, provider, now, random, id, signal })
  await transport.send(stanza, { signal })
  await storage.archive.append({
    account,
    peer: to,
    direction: "out",
    stanza,
    openpgp: openpgpBytesOf(stanza),
    via: "sent",
    storedAt: now,
    verdict: { outcome: "secure", signer: own.current.certificate.fingerprint, writtenAt: now },
  })
  return id
}
