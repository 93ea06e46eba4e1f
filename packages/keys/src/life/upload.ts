import { digestOf, type Fingerprint } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { announcedForm } from "./announced-form.ts"
import { type LifeOptions, type Published, tryPublish } from "./parts.ts"
import { sentTo } from "./sent.ts"

/** What {@link uploadOwnKeys} needs. */
export interface UploadOptions extends LifeOptions {
  /** Every own key whose secret is here. */
  readonly keys: readonly Pick<SecretKey, "certificate">[]
  /** The one in use. */
  readonly current: Fingerprint
}

/**
 * Sends to each source that was opted in (`alsoTo`) what it was not sent yet: the key in use, and of every other own key
 * that it was sent before what has changed since, a revocation above all. So a source that was away, or was opted in
 * only now, has everything in the end. What is sent can never be taken back.
 *
 * @returns what was sent now, and what could not be
 * @throws {AurochsError} `STORAGE`, `BACKEND`, `ABORTED`
 */
export async function uploadOwnKeys(o: UploadOptions): Promise<readonly Published[]> {
  const certificates = o.keys.map((key) => key.certificate)
  const published: Published[] = []
  for (const certificate of (o.alsoTo ?? []).length === 0 ? [] : certificates) {
    const info = await announcedForm(o, certificate, certificates)
    const digest = await digestOf(info.bytes)
    for (const to of o.alsoTo ?? []) {
      const sent = await sentTo(o, to, info.fingerprint)
      if (sent === digest || (sent === undefined && info.fingerprint !== o.current)) continue
      published.push(await tryPublish(to, info, o))
    }
  }
  return published
}
