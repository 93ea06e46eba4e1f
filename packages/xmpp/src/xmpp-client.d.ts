/** The part of @xmpp/client 0.14 that client-boundary.ts uses; the package has no types of its own. */
declare module "@xmpp/client" {
  export interface LtxElement {
    readonly name: string
    readonly attrs: Record<string, string | undefined>
    readonly children: readonly (LtxElement | string)[]
  }
  export interface Mechanism {
    readonly name: string
    readonly clientFirst: boolean
    response(credentials: { readonly username: string; readonly password: string }): string | Promise<string>
    challenge(text: string): void | Promise<void>
  }
  export interface Socket {
    write(text: string, done?: (error?: Error) => void): void
    end(): void
    readonly socket: { destroy?(): void } | null
  }
  export interface Client {
    readonly reconnect: { stop(): void }
    readonly saslFactory: { _mechs: unknown[]; use(mechanism: unknown): void }
    socket: Socket | null
    parser: unknown
    Parser: unknown
    readonly options: { readonly domain: string }
    connect(service: string): Promise<unknown>
    open(options: { readonly domain: string; readonly lang?: string }): Promise<unknown>
    isSecure(): boolean
    socketParameters(service: string): unknown
    _onData(data: Uint8Array | string): void
    _onSeeOtherHost(error: unknown): void
    on(event: string, listener: (...args: unknown[]) => void): void
    removeAllListeners(): void
  }
  export function client(options: {
    readonly service: string
    readonly domain: string
    readonly username: string
    readonly password: string
  }): Client
  export function xml(
    name: string,
    attributes: Record<string, string>,
    ...children: readonly (LtxElement | string)[]
  ): LtxElement
}
