export type { TransportEvent, XmppOptions } from "./options.ts"
export { xmpp } from "./transport.ts"
