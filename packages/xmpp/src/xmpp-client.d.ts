/** The part of @xmpp/client 0.14 that client-boundary.ts uses; the package has no types of its own. */
declare module "@xmpp/client" {
  export interface LtxElement {
    readonly name: string
    readonly attrs: Record<string, string | undefined>
  }
  export interface Credentials {
    readonly username: string
    readonly password: string
    /** From an earlier exchange with the same salt (SCRAM). */
    readonly salt?: Uint8Array
    readonly saltedPassword?: Uint8Array
  }
  export interface Mechanism {
    response(credentials: Credentials): string | Promise<string>
    challenge(text: string): unknown
    /** SCRAM only: our nonce, and the signature that the server has to show. */
    readonly _cnonce?: string
    readonly _serverSignature?: Uint8Array
  }
  export interface MechanismEntry {
    readonly name: string
    readonly mech: new () => Mechanism
  }
  export interface LibrarySocket {
    connect(target: unknown): void
    readonly secure: boolean
  }
  export interface TransportKind {
    readonly prototype: { readonly Socket: new () => LibrarySocket }
  }
  export interface Client {
    readonly reconnect: { stop(): void }
    readonly saslFactory: { _mechs: MechanismEntry[] }
    timeout: number
    Transport: unknown
    Parser: unknown
    parser: { write(data: unknown): void } | null
    status: string
    _findTransport(service: string): TransportKind
    _attachSocket(socket: unknown): void
    _detachSocket(): void
    _onData(data: unknown): void
    _onElement(element: LtxElement): void
    open(options: { readonly domain: string }): Promise<unknown>
    restart(): Promise<unknown>
    write(text: string): Promise<void>
    footer(element: unknown): string
    footerElement(): unknown
    on(event: string, listener: (...args: unknown[]) => void): void
  }
  export type Authenticate = (credentials: Credentials, mechanism: string) => Promise<void>
  export function client(options: {
    readonly service: string
    readonly domain: string
    readonly username: string
    readonly credentials: (authenticate: Authenticate, mechanisms: readonly string[]) => Promise<void>
  }): Client
  export function xml(
    name: string,
    attributes: Readonly<Record<string, string>>,
    ...children: readonly (LtxElement | string)[]
  ): LtxElement
}
