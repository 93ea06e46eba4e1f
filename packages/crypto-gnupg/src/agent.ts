import { execFileSync } from "node:child_process"
import type { CallOptions } from "@aurochs/core"
import { backend, configuration } from "./errors.ts"
import { checkSocketFolder, prepareHome } from "./home.ts"
import type { Leftovers } from "./leftovers.ts"
import { type Command, run } from "./process.ts"
import { environment, type Tools } from "./tools.ts"

/** The gpg-agent of one homedir. */
export interface Agent {
  /**
   * Makes sure that the homedir is there and its agent runs; the work is done once.
   *
   * @throws {AurochsError} `CONFIGURATION` (`homedir`), `BACKEND`
   */
  ready(): Promise<void>
  /**
   * Is this card in a reader? Asked before anybody is asked for its PIN, and before gpg is: given a PIN, the agent of 2.4
   * asks for the card without end.
   *
   * @param serial hex, as gpg lists it
   * @throws {AurochsError} `BACKEND` if the reader does not answer, `ABORTED`
   */
  hasCard(serial: string, options: CallOptions): Promise<boolean>
  /** Ends the agent if it did not run before; one that was there already belongs to somebody else. */
  stop(): Promise<void>
}

const MAX_OUTPUT_BYTES = 65_536
/** How long the end of this process may wait for the agent's. */
const LAST_MS = 2_000

/** @param home absolute path */
export function agentOf(tools: Tools, home: string, timeoutMs: number, left: Leftovers): Agent {
  const env = environment(home)
  let becoming: Promise<void> | undefined
  /** Undefined unless the agent is ours: forgets that it has to end with this process. */
  let forget: (() => void) | undefined

  const call = async (program: string, args: readonly string[], { signal }: CallOptions = {}) => {
    const command: Command = { program, args, env, maxOutputBytes: MAX_OUTPUT_BYTES, timeoutMs, left, signal }
    const { output } = await run(command)
    return new TextDecoder().decode(output)
  }
  const ask = (args: readonly string[]) =>
    call(tools.connect, ["--homedir", home, ...args, "GETINFO pid", "/bye"]).then((said) => /^D \d+/m.test(said))

  const KILL = ["--homedir", home, "--no-autostart", "KILLAGENT", "/bye"]
  const killNow = () => {
    try {
      execFileSync(tools.connect, KILL, { env, stdio: "ignore", timeout: LAST_MS })
    } catch {
      // The process is ending; there is nobody to tell.
    }
  }

  const start = async () => {
    await prepareHome(home)
    // From 2.3 on; it keeps certificates where no keyring of a call can take their place.
    const settings = await call(tools.gpg, ["--homedir", home, "--no-options", "--gpgconf-list"])
    if (/^use_keyboxd:\d+:1:/m.test(settings)) throw configuration("homedir", "its common.conf has use-keyboxd")
    const folder = await call(tools.conf, ["--homedir", home, "--list-dirs", "socketdir"])
    checkSocketFolder(folder.trim() || home)
    if (await ask(["--no-autostart"])) return
    forget ??= left.add(killNow)
    const own = tools.agent === undefined ? [] : ["--agent-program", tools.agent]
    if (await ask(own)) return
    throw backend("gpg-agent cannot be started: is it installed? (Debian: gpg-agent)")
  }

  return {
    ready() {
      becoming ??= start().catch((error: unknown) => {
        becoming = undefined
        throw error
      })
      return becoming
    },
    async hasCard(serial, options) {
      const asked = ["--homedir", home, "--no-autostart", `SCD SERIALNO --demand=${serial}`, "/bye"]
      return /^S SERIALNO /m.test(await call(tools.connect, asked, options))
    },
    async stop() {
      await becoming?.catch(() => {})
      if (forget === undefined) return
      forget()
      forget = undefined
      becoming = undefined
      await call(tools.connect, KILL)
    },
  }
}
