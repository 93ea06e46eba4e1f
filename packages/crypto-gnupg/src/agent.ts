import { execFileSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
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
/** How all the names begin of what the agent takes away when it ends. */
const SOCKET = "S.gpg-agent"
/** How long it may take to end by itself, looked at in steps: one that waits for a card reader never does. */
const GRACE_MS = 1_000
const PAUSE_MS = 10

/** @param home absolute path */
export function agentOf(tools: Tools, home: string, timeoutMs: number, left: Leftovers): Agent {
  const env = environment(home)
  let becoming: Promise<void> | undefined
  let sockets = home
  /** Undefined unless the agent is ours: forgets that it has to end with this process. */
  let forget: (() => void) | undefined

  const call = async (program: string, args: readonly string[], { signal }: CallOptions = {}) => {
    const command: Command = { program, args, env, maxOutputBytes: MAX_OUTPUT_BYTES, timeoutMs, left, signal }
    const { output } = await run(command)
    return new TextDecoder().decode(output)
  }
  const asking = (args: readonly string[]) => ["--homedir", home, ...args, "GETINFO pid", "/bye"]
  const ask = async (args: readonly string[]) => pidIn(await call(tools.connect, asking(args)))

  const hasSockets = () => {
    try {
      return readdirSync(sockets).some((name) => name.startsWith(SOCKET))
    } catch {
      return false
    }
  }

  const running = ["--no-autostart"]
  const killNow = () => {
    try {
      const said = execFileSync(tools.connect, asking(running), {
        env,
        timeout: LAST_MS,
        stdio: ["ignore", "pipe", "ignore"],
        encoding: "utf8",
      })
      interrupt(pidIn(said))
      // Whoever removes the homedir next would meet an agent that takes its sockets away.
      const until = performance.now() + LAST_MS
      while (hasSockets() && performance.now() < until) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
      }
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
    sockets = folder.trim() || home
    checkSocketFolder(sockets)
    if ((await ask(running)) !== undefined) return
    forget ??= left.add(killNow)
    const own = tools.agent === undefined ? [] : ["--agent-program", tools.agent]
    if ((await ask(own)) !== undefined) return
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
      const pid = await ask(running)
      await call(tools.connect, ["--homedir", home, ...running, "KILLAGENT", "/bye"])
      const until = performance.now() + GRACE_MS
      while (hasSockets() && performance.now() < until) await sleep(PAUSE_MS)
      if (hasSockets()) interrupt(pid)
    },
  }
}

function pidIn(said: string): number | undefined {
  const pid = /^D (\d+)/m.exec(said)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

/** The one signal at which an agent ends whatever it is waiting for. */
function interrupt(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, "SIGINT")
  } catch {
    // It has ended meanwhile.
  }
}
