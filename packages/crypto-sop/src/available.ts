import { type CallOptions, isAurochsError } from "@aurochs/core"
import { withFolder } from "./folder.ts"
import { folderOf, programOf, type SopProgram } from "./program.ts"
import { run } from "./run.ts"
import { sampleKey, sampleMessage, sampleSessionKey, sampleText } from "./sample.ts"

/** Whether a program can be used here. */
export type SopAvailability =
  | {
      readonly usable: true
      /** The first line of what the program calls itself, e.g. `sqop 0.27.3`. */
      readonly version: string
      /** Does it tell session keys? For the option of the same name. */
      readonly sessionKeys: boolean
    }
  | { readonly usable: false; readonly because: string }

const MAX_VERSION_BYTES = 4_096
const MAX_SESSION_KEY_BYTES = 128

/**
 * Finds out whether a program is there and works, by having it open a message that this package brings with it.
 *
 * @throws {AurochsError} `CONFIGURATION`, `ABORTED`
 */
export async function sopAvailable(options: SopProgram & CallOptions): Promise<SopAvailability> {
  const program = programOf(options, 1)
  const { signal } = options
  try {
    return await withFolder(folderOf(options), program, options, async (folder) => {
      const common = { folder: folder.path, maxOutputBytes: MAX_VERSION_BYTES, signal }
      const told = await run(program, { ...common, args: ["version"], input: new Uint8Array() })
      if (!told.ok) return no(program.file, "version", told.exitCode)
      const key = await folder.write("secret-key", fromBase64(sampleKey))
      const input = fromBase64(sampleMessage)
      const asked = ["decrypt", `--session-key-out=${folder.path}/session-key`, key]
      await run(program, { ...common, args: asked, input })
      const sessionKey = Buffer.from((await folder.read("session-key", MAX_SESSION_KEY_BYTES)) ?? []).toString("latin1")
      const sessionKeys = sessionKey.trim().toUpperCase() === sampleSessionKey
      if (!sessionKeys) {
        const plain = await run(program, { ...common, args: ["decrypt", key], input })
        if (!plain.ok) return no(program.file, "decrypt", plain.exitCode)
        if (Buffer.from(plain.output).toString("latin1") !== sampleText) return no(program.file, "decrypt", 0)
      }
      return { usable: true, version: firstLine(told.output), sessionKeys }
    })
  } catch (error) {
    if (isAurochsError(error, "BACKEND")) return { usable: false, because: error.message }
    throw error
  }
}

function no(program: string, subcommand: string, exitCode: number | undefined): SopAvailability {
  const how = exitCode === undefined ? "was ended by a signal" : `ended with exit code ${exitCode}`
  return {
    usable: false,
    because: `"${program} ${subcommand}" ${how}: it is no Stateless OpenPGP program, or a broken one`,
  }
}

/** Printable, and short: it is shown to people. */
function firstLine(output: Uint8Array): string {
  const line = Buffer.from(output).toString("utf8").split("\n")[0] ?? ""
  return line.replace(/\p{C}/gu, "").trim().slice(0, 100)
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"))
}
