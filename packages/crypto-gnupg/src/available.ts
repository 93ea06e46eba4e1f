import { type CallOptions, isAurochsError, throwIfAborted } from "@aurochs/core"
import { run } from "./process.ts"
import { environment, toolsOf } from "./tools.ts"

/** Can GnuPG be used here? */
export type GnupgAvailability =
  | { readonly usable: true; readonly version: string }
  | { readonly usable: false; readonly because: string }

const OLDEST = [2, 2] as const
const TIMEOUT_MS = 10_000

/**
 * Is there a GnuPG that {@link gnupg} can work with? Looks at versions only: no homedir is touched, no agent started.
 *
 * @param options.program as for `gnupg`
 * @throws {AurochsError} `ABORTED`
 */
export async function gnupgAvailable(
  options: CallOptions & { readonly program?: string | undefined } = {},
): Promise<GnupgAvailability> {
  throwIfAborted(options)
  const tools = toolsOf(options.program ?? "gpg")
  const version = await versionOf(tools.gpg, options)
  if (version === undefined) return { usable: false, because: `${tools.gpg} is not installed (Debian: gpg)` }
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return { usable: false, because: `GnuPG ${version} is too old: 2.2 or later is needed` }
  }
  for (const program of [tools.agent ?? "gpg-agent", tools.connect, tools.conf]) {
    if ((await versionOf(program, options)) !== undefined) continue
    return { usable: false, because: `${program} is not installed (Debian: gpg-agent, gpgconf)` }
  }
  return { usable: true, version }
}

async function versionOf(program: string, { signal }: CallOptions): Promise<string | undefined> {
  const env = environment("/nonexistent")
  try {
    const args = ["--version"]
    const { exitCode, output } = await run({
      program,
      args,
      env,
      maxOutputBytes: 65_536,
      timeoutMs: TIMEOUT_MS,
      signal,
    })
    const found = /^\S+ \(GnuPG[^)]*\) (\d+\.\d+\S*)/.exec(new TextDecoder().decode(output))
    return exitCode === 0 ? found?.[1] : undefined
  } catch (error) {
    if (isAurochsError(error, "ABORTED")) throw error
    return undefined
  }
}
