import { client } from "@xmpp/client"

/** @xmpp/client 0.14 as it comes, to show what each row of the tests is about. */
export interface BareClient {
  readonly status: string
  readonly streamManagement: { readonly outbound_q: readonly unknown[]; on(event: string, listener: () => void): void }
  readonly iqCaller: { request(stanza: unknown, timeoutMs?: number): Promise<BareElement> }
  start(): Promise<unknown>
  stop(): Promise<unknown>
  send(stanza: unknown): Promise<void>
  isSecure(): boolean
  on(event: string, listener: (value: BareElement) => void): void
  removeAllListeners(): void
}

/** Its elements. */
export interface BareElement {
  readonly name: string
  readonly attrs: Readonly<Record<string, string>>
  getChildText(name: string): string | null
  toString(): string
}

/** Connects as `alice` with the password `secret`. Errors it emits are collected. */
export function bareClient(service: string, domain = "example.test"): BareClient & { readonly errors: unknown[] } {
  const bare = client({ service, domain, username: "alice", password: "secret" } as never) as unknown as BareClient
  const errors: unknown[] = []
  bare.on("error", (error) => errors.push(error))
  return Object.assign(bare, { errors })
}

/** Takes it down, whatever state it is in. */
export async function discard(bare: BareClient): Promise<void> {
  const { reconnect } = bare as unknown as { reconnect: { stop(): void } }
  reconnect.stop()
  await Promise.race([bare.stop().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 300))])
}
