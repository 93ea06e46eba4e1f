import { type CallOptions, orAborted } from "@aurochs/core"
import type { Agent } from "./agent.ts"
import { configuration } from "./errors.ts"
import type { Leftovers } from "./leftovers.ts"
import { fd, run } from "./process.ts"
import type { Slots } from "./slots.ts"
import { type StatusLine, statusLines } from "./status.ts"
import { environment, type Tools } from "./tools.ts"

/** One call of gpg. */
export interface Task extends CallOptions {
  readonly args: readonly string[]
  readonly input?: Uint8Array | undefined
  readonly passphrase?: Uint8Array | undefined
  /** Of gpg's questions; without it gpg asks nothing. */
  readonly answer?: ((question: string) => string | undefined) | undefined
  /** What gpg takes for the time; the machine's clock if absent. */
  readonly now?: Date | undefined
  /** A keyring that counts instead of the one in the homedir; a file with nothing but public keys. */
  readonly keyring?: string | undefined
  /** 1 MiB if absent. */
  readonly maxOutputBytes?: number | undefined
}

/** What gpg answered. Output counts only with exit code 0 and the status lines that belong to it. */
export interface Answer {
  readonly exitCode: number | null
  readonly output: Uint8Array
  readonly status: readonly StatusLine[]
}

/** Runs gpg on one homedir. */
export type Gpg = (task: Task) => Promise<Answer>

/**
 * Said on every call, so that no configuration file decides. Each one is known to 2.2 and to 2.4.
 *
 * The network is never asked, no certificate is trusted or distrusted by gpg (who may be encrypted to was decided
 * before), and nobody is asked for a passphrase by a window.
 */
const ALWAYS = [
  "--no-options",
  "--no-tty",
  "--no-greeting",
  "--no-permission-warning",
  "--no-secmem-warning",
  "--display-charset=utf-8",
  "--disable-dirmngr",
  "--no-auto-key-locate",
  "--no-auto-key-retrieve",
  "--trust-model=always",
  "--no-auto-check-trustdb",
  "--no-random-seed-file",
  "--no-armor",
  "--status-fd",
  String(fd.status),
] as const

const DEFAULT_MAX_OUTPUT_BYTES = 1_048_576

/** The time of an OpenPGP packet holds 32 bits. */
const MAX_SECONDS = 2 ** 32 - 1

/**
 * Runs gpg, at most as often at once as there are slots.
 *
 * @param home absolute path
 */
export function gpgOn(tools: Tools, home: string, agent: Agent, lanes: Slots, timeoutMs: number, left: Leftovers): Gpg {
  const env = environment(home)
  return (task) =>
    lanes.use(task, async () => {
      await orAborted(agent.ready(), task)
      const { exitCode, output, status } = await run({
        program: tools.gpg,
        args: ["--homedir", home, ...ALWAYS, ...optional(tools, task), ...task.args],
        env,
        input: task.input,
        passphrase: task.passphrase,
        answer: task.answer,
        maxOutputBytes: task.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES,
        timeoutMs,
        left,
        signal: task.signal,
      })
      return { exitCode, output, status: statusLines(status) }
    })
}

function optional(tools: Tools, task: Task): string[] {
  const args = task.answer === undefined ? ["--batch"] : ["--command-fd", String(fd.command)]
  if (tools.agent !== undefined) args.push("--agent-program", tools.agent)
  // Without a passphrase nobody is asked. `loopback` would do for that, but the agent of 2.4 then asks without end for
  // a card that is not there.
  if (task.passphrase === undefined) args.push("--pinentry-mode=error")
  else args.push("--pinentry-mode=loopback", "--passphrase-fd", String(fd.passphrase))
  if (task.keyring !== undefined) args.push("--no-default-keyring", "--keyring", task.keyring)
  // A key that was made a little later than now is good: whoever called has decided that.
  if (task.now !== undefined) {
    args.push("--ignore-time-conflict", "--ignore-valid-from", `--faked-system-time=${secondsOf(task.now)}!`)
  }
  return args
}

/** @throws {AurochsError} `CONFIGURATION` (`now`) if OpenPGP cannot say this time */
function secondsOf(now: Date): number {
  const seconds = Math.floor(now.getTime() / 1000)
  if (!(seconds >= 0 && seconds <= MAX_SECONDS)) throw configuration("now", "it is not between 1970 and 2106")
  return seconds
}
