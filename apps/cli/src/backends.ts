import type { Argv } from "yargs"
import { engineAvailability, knownEngines, TELLS_NO_SESSION_KEYS } from "./engines.ts"
import type { GlobalOptions } from "./global.ts"
import { print } from "./output.ts"

/** `aurochs backends` */
export function backendsCommand(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command(
    "backends",
    "Which OpenPGP engines --backend can name here, and why not the others",
    (y) => y.example("$0 backends --json", "one JSON object for each: name, usable, version or because"),
    (options) => listBackends(options),
  )
}

async function listBackends({ json }: GlobalOptions): Promise<void> {
  const listed = await Promise.all(
    knownEngines().map(async (engine) => ({ ...engine, ...(await engineAvailability(engine.name)) })),
  )
  const width = Math.max(...listed.map(({ name }) => name.length))
  for (const engine of listed) {
    const { name, about } = engine
    const note = engine.usable && engine.sessionKeys === false ? `; ${TELLS_NO_SESSION_KEYS}` : ""
    const state = engine.usable ? `${engine.version} (${about}${note})` : `not usable here: ${engine.because}`
    print(json, engine, `${name.padEnd(width)}  ${state}`)
  }
}
