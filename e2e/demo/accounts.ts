import type { Programs } from "@aurochs/debian-programs"
import { type GoSendxmpp, goSendxmpp } from "../rig/gosendxmpp.ts"
import { startProsody } from "../rig/prosody.ts"

/** The two accounts of the demo. */
export interface Accounts {
  readonly bot: {
    readonly jid: string
    readonly password: string
    readonly service: string
    readonly caFile?: string | undefined
  }
  readonly person: GoSendxmpp
  /** The newest encrypted stanza in the server's log, where the server is ours. */
  readonly lastStanza?: () => Promise<string | undefined>
  /** How to join with Profanity. */
  readonly profanity?: string
  stop(): Promise<void>
}

/** A Prosody of our own on 127.0.0.1. */
export async function accountsOn(options: { readonly folder: string; readonly programs: Programs }): Promise<Accounts> {
  const { folder, programs } = options
  const prosody = await startProsody({ folder, programs, users: ["bot", "alice", "you"] })
  const { service, caFile, domain, port } = prosody
  const person = `alice@${domain}`
  return {
    bot: { jid: `bot@${domain}`, password: "pw-bot", service, caFile },
    person: await goSendxmpp({
      folder,
      programs,
      server: `127.0.0.1:${port}`,
      jid: `alice@${domain}`,
      password: "pw-alice",
    }),
    lastStanza: async () => (await prosody.openpgpMessages()).at(-1),
    profanity: `as you@${domain}, password pw-you, on 127.0.0.1 port ${port}, "tls trust"; then /ox announce with a key of gpg's
                   whose User ID is xmpp:you@${domain}, /ox discover bot@${domain}, /ox request, /ox start.
                   The bot sends alerts to ${person} only; it answers you once your key nodes are open.`,
    stop: () => prosody.stop(),
  }
}

/** Accounts on a server that is there already. */
export async function givenAccounts(
  env: NodeJS.ProcessEnv,
  options: { readonly folder: string; readonly programs: Programs },
): Promise<Accounts> {
  const need = (name: string): string => {
    const value = env[name]
    if (!value)
      throw new Error(`${name} is needed beside AUROCHS_SERVICE: an account on that server that the demo may use`)
    return value
  }
  const service = need("AUROCHS_SERVICE")
  const person = { jid: need("AUROCHS_PEER_JID"), password: need("AUROCHS_PEER_PASSWORD") }
  const { host } = new URL(service)
  return {
    bot: { jid: need("AUROCHS_JID"), password: need("AUROCHS_PASSWORD"), service },
    person: await goSendxmpp({ ...options, ...person, server: host, verifyTls: true }),
    stop: async () => {},
  }
}
