import { readSecret } from "@aurochs/cli-kit"
import type { BareJid, Transport } from "@aurochs/core"
import type { NetworkOptions } from "./global.ts"
import { remark } from "./output.ts"
import type { World } from "./world.ts"

/**
 * Logs in as an account when something is first asked of the transport.
 *
 * @param patience `fail`: a first connection that fails is told at once; `retry`: it is tried until it works
 */
export async function connect(
  world: World,
  account: BareJid,
  options: NetworkOptions,
  patience: "fail" | "retry" = "fail",
): Promise<Transport> {
  const password = await readSecret({
    what: "password",
    file: options.passwordFile,
    command: options.passwordCommand,
    variable: "AUROCHS_PASSWORD",
    prompt: true,
  })
  // Commands that stay here start faster without.
  const { xmpp } = await import("@aurochs/xmpp")
  return xmpp({
    jid: account,
    password,
    ...(options.service === undefined ? {} : { service: options.service }),
    state: world.storage.state,
    firstConnection: patience,
    clock: world.clock,
    random: world.random,
    onEvent: (event) => {
      if (process.env.AUROCHS_DEBUG) remark(JSON.stringify(event))
    },
  })
}

/**
 * Waits for the first session, so that a wrong password or a server that is away is told at once.
 *
 * @throws {AurochsError} `AUTHENTICATION`, `NETWORK`
 */
export async function online(transport: Transport, signal?: AbortSignal): Promise<void> {
  for await (const _session of transport.sessions({ signal })) return
}
