/** Namespace names, by what they are called in the code. */
export const namespaces = {
  client: "jabber:client",
  server: "jabber:server",
  streams: "http://etherx.jabber.org/streams",
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas",
  roster: "jabber:iq:roster",
  openpgp: "urn:xmpp:openpgp:0",
  openpgpIm: "urn:xmpp:openpgp:im:0",
  eme: "urn:xmpp:eme:0",
  hints: "urn:xmpp:hints",
  delay: "urn:xmpp:delay",
  pubsub: "http://jabber.org/protocol/pubsub",
  pubsubOwner: "http://jabber.org/protocol/pubsub#owner",
  pubsubEvent: "http://jabber.org/protocol/pubsub#event",
  pubsubErrors: "http://jabber.org/protocol/pubsub#errors",
  publishOptions: "http://jabber.org/protocol/pubsub#publish-options",
  nodeConfig: "http://jabber.org/protocol/pubsub#node_config",
  discoInfo: "http://jabber.org/protocol/disco#info",
  discoItems: "http://jabber.org/protocol/disco#items",
  caps: "http://jabber.org/protocol/caps",
  dataForm: "jabber:x:data",
  rsm: "http://jabber.org/protocol/rsm",
  mam: "urn:xmpp:mam:2",
  carbons: "urn:xmpp:carbons:2",
  forward: "urn:xmpp:forward:0",
  stanzaId: "urn:xmpp:sid:0",
  ping: "urn:xmpp:ping",
  streamManagement: "urn:xmpp:sm:3",
  chatStates: "http://jabber.org/protocol/chatstates",
  receipts: "urn:xmpp:receipts",
  addresses: "http://jabber.org/protocol/address",
  trustMessages: "urn:xmpp:tm:1",
  automaticTrust: "urn:xmpp:atm:1",
} as const

/** The node that lists an account's keys (XEP-0373 §4.2). */
export const publicKeysNode = "urn:xmpp:openpgp:0:public-keys"

/** The node that holds an account's encrypted secret keys (XEP-0373 §5). */
export const secretKeyNode = "urn:xmpp:openpgp:0:secret-key"

/**
 * The node that holds one certificate (XEP-0373 §4.1).
 *
 * @param fingerprint upper-case hex
 */
export function publicKeyNode(fingerprint: string): string {
  return `${publicKeysNode}:${fingerprint}`
}
