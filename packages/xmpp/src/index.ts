export { type DropReason, defaultFeatures, type TransportEvent, type XmppOptions } from "./options.ts"
export { xmpp } from "./transport.ts"
