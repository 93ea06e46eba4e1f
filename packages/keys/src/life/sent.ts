import { type BareJid, type CallOptions, type Certificate, digestOf, type Fingerprint } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import type { KeyDirectory } from "../directory.ts"
import { changeState, field, readState } from "../json-state.ts"

interface Place extends CallOptions {
  readonly state: StateStore
  readonly account: BareJid
}

/** Keys of one's own whose digests are remembered for each source; those sent longest ago go first. */
const MAX_REMEMBERED = 50

const stateKey = ({ account }: Place, { name, place }: KeyDirectory) => `own-key/sent/${account}/${name} ${place ?? ""}`

/** What the source has of this key, as a digest of what was sent; undefined: nothing was ever sent. */
export async function sentTo(o: Place, to: KeyDirectory, fingerprint: Fingerprint): Promise<string | undefined> {
  const digest = field(await readState(o.state, stateKey(o, to), { signal: o.signal }), fingerprint)
  return typeof digest === "string" ? digest : undefined
}

/** The source took this certificate. */
export async function rememberSent(o: Place, to: KeyDirectory, certificate: Certificate): Promise<void> {
  const digest = await digestOf(certificate.bytes)
  const change = (before: unknown) => {
    const { [certificate.fingerprint]: _, ...others } = (before ?? {}) as Record<string, unknown>
    return Object.fromEntries([...Object.entries(others), [certificate.fingerprint, digest]].slice(-MAX_REMEMBERED))
  }
  await changeState(o.state, stateKey(o, to), change, { signal: o.signal })
}
