import { UsageError } from "@aurochs/cli-kit"
import type { Clock } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { KeyDirectory, Published } from "@aurochs/keys"
import type { Argv } from "yargs"
import { remark } from "./output.ts"
import { openSource } from "./sources.ts"

/** Key servers that take uploads. */
const TAKING = ["hkp", "vks"] as const

/** Options of commands that may send one's own certificate to key servers. */
export interface UploadOptions {
  readonly alsoTo?: readonly (typeof TAKING)[number][] | undefined
  readonly keyserver?: string | undefined
  readonly vksServer?: string | undefined
  readonly allowPrivate?: readonly string[] | undefined
}

/** Adds {@link UploadOptions}. */
export function uploadOptions<T>(program: Argv<T>) {
  return program
    .option("also-to", {
      choices: TAKING,
      array: true,
      nargs: 1,
      describe: "Send the certificate to this kind of key server too; it can never be taken back",
    })
    .option("keyserver", { type: "string", describe: "https://HOST of the key server for hkp" })
    .option("vks-server", { type: "string", describe: "https://HOST for vks; by default keys.openpgp.org" })
    .option("allow-private", {
      type: "string",
      array: true,
      nargs: 1,
      describe: "Private address, network or host to connect to",
    })
}

/**
 * The key servers that were opted in to; each says what that means.
 *
 * @throws {UsageError} one that takes no uploads
 */
export async function uploadsOf(
  options: UploadOptions,
  o: { readonly provider: CryptoProvider; readonly clock: Clock },
): Promise<KeyDirectory[]> {
  const sources: KeyDirectory[] = []
  for (const name of new Set(options.alsoTo ?? [])) {
    const source = await openSource(name, { ...options, via: name, trustAd: false }, { ...o, upload: true })
    if (source.publish === undefined) throw new UsageError(`--also-to ${name}: it takes no uploads.`)
    if (source.notice !== undefined) remark(source.notice)
    sources.push(source)
  }
  return sources
}

/** Says which sources did not take it. */
export function tellFailed(published: readonly Published[]): void {
  for (const { source, failed } of published) {
    if (failed !== undefined) remark(`${source} did not take it (${failed}); run this again`)
  }
}
