import { AurochsError, isAurochsError } from "@aurochs/core"
import { type BindingSource, binding, type KeyDirectory, type OtherSource, type TrustPolicy } from "@aurochs/keys"
import { openSource, type SourceSettings } from "@aurochs/keys/sources"

/** One source of keys besides the accounts' own lists, as the operator switched it on. */
export type SourceConfig = SourceSettings & { readonly mayBind: boolean }

/** What each source that can bind proves. */
const PROVES: Readonly<Partial<Record<SourceSettings["source"], BindingSource>>> = {
  wkd: "https-domain",
  dns: "dnssec",
}

/**
 * Opens what is switched on.
 *
 * @throws {AurochsError} `CONFIGURATION` naming the setting
 */
export async function openSources(sources: readonly SourceConfig[]): Promise<readonly OtherSource[]> {
  const opened: OtherSource[] = []
  for (const [at, { mayBind, ...settings }] of sources.entries()) {
    try {
      opened.push({ directory: await openSource(settings), mayBind })
    } catch (error) {
      if (!isAurochsError(error, "CONFIGURATION")) throw error
      const field = `sources.${at}.${error.details.field}`
      throw new AurochsError("CONFIGURATION", `${field}: ${error.message}`, { field })
    }
  }
  return opened
}

/** The key servers that take the bot's own key. */
export async function openUploads(sources: readonly SourceConfig[]): Promise<readonly KeyDirectory[]> {
  const opened = await openSources(sources.filter(({ upload }) => upload === true))
  return opened.map(({ directory }) => directory)
}

/** The policy, where sources may bind a key of somebody who announces none. */
export function withSources(policy: TrustPolicy, sources: readonly SourceConfig[]): TrustPolicy {
  const binds = sources.flatMap(({ source, mayBind }) => (mayBind ? (PROVES[source] ?? []) : []))
  return binds.length === 0 ? policy : binding(policy, binds)
}
