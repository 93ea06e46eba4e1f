import { createInterface } from "node:readline"
import { stopSignal, UsageError, withProgress } from "@aurochs/cli-kit"
import { AurochsError, type BareJid, type Transport } from "@aurochs/core"
import { blindBeforeVerification, chooseKeys, judgeKeys, pepDirectory, refreshKeys } from "@aurochs/keys"
import { textBody } from "@aurochs/message"
import type { Argv } from "yargs"
import {
  type GlobalOptions,
  jidArgument,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { trusting } from "./life.ts"
import { connect, online } from "./online.ts"
import { print, remark } from "./output.ts"
import { usableKeys } from "./own-keys.ts"
import { sendSealed } from "./send-sealed.ts"
import { accountFor, openWorld, type World } from "./world.ts"

type Options = NetworkOptions & PassphraseOptions & { jid: string[]; body?: string | undefined }

/** `aurochs send` */
export function sendCommand(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command(
    "send <jid..>",
    "Send an encrypted message: --body, or each line of standard input as it comes",
    (y) =>
      passwordOptions(passphraseOptions(y))
        .positional("jid", { type: "string", array: true, demandOption: true, describe: "Bare JIDs" })
        .option("body", { type: "string", describe: "Text of one message" })
        .example("$0 send you@example.org --body 'backup done'", "one message")
        .example("tail -f app.log | $0 send you@example.org", "each line is a message"),
    (options) => send(options),
  )
}

async function send(options: Options): Promise<void> {
  const recipients = [...new Set(options.jid.map((text) => jidArgument("jid", text)))]
  const signal = stopSignal()
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  const own = await usableKeys(world, account, options)
  const trusted = await trusting(world, account, options)
  if (options.body === undefined && process.stdin.isTTY) remark("each line is sent as a message; end with Ctrl-D")
  await using transport = await connect(world, account, options)
  await withProgress(`connecting as ${account}`, online(transport, signal))
  const targets = await Promise.all(recipients.map((to) => target(trusted, transport, account, to, signal)))
  for await (const body of bodies(options, signal)) {
    for (const { to, toKeys } of targets) {
      const id = await sendSealed(world, transport, own, { account, to, toKeys, payload: [textBody(body)], signal })
      print(options.json, { to, id, sent: true }, `sent to ${to}`)
    }
  }
}

/** Ends early when `signal` is aborted, even while it waits for a line. */
export async function* bodies(options: Pick<Options, "body">, signal: AbortSignal): AsyncIterable<string> {
  if (options.body !== undefined) {
    if (options.body === "") throw new UsageError("--body is empty.")
    yield options.body
    return
  }
  for await (const line of createInterface({ input: process.stdin, signal })) {
    if (signal.aborted) return
    if (line.trim() !== "") yield line
  }
}

/** Reads the recipient's keys afresh and says which are used; nothing is sent to anybody without a usable key. */
async function target(
  { storage, provider, clock }: World,
  transport: Transport,
  account: BareJid,
  to: BareJid,
  signal: AbortSignal,
) {
  const directory = pepDirectory({ transport, provider, clock })
  const { missing } = await withProgress(
    `asking for the keys of ${to}`,
    refreshKeys({
      ...{ owner: to, directory, keys: storage.keys, state: storage.state, audit: storage.audit },
      ...{ provider, clock, account, signal },
    }),
  )
  for (const gap of missing) remark(`${to}: ${gap.missing} is listed, but could not be had: ${gap.because}`)
  const known = await Array.fromAsync(storage.keys.keysOf(to))
  const judged = await judgeKeys({
    owner: to,
    known,
    provider,
    trust: blindBeforeVerification(),
    now: clock.now(),
    signal,
  })
  const { use, leftOut } = chooseKeys(judged)
  if (use.length === 0) {
    throw new AurochsError("NO_USABLE_KEY", `${to} has no key that may be encrypted to; nothing was sent`, {
      owner: to,
      leftOut,
    })
  }
  for (const gone of leftOut) remark(`${to}: left out ${gone.fingerprint}: ${gone.because}`)
  return { to, toKeys: use }
}
