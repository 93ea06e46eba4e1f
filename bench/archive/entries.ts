import { randomBytes } from "node:crypto"
import { type BareJid, bareJid, element } from "@aurochs/core"
import type { NewEntry } from "@aurochs/storage"
import { namespaces } from "@aurochs/xml"

/** Whose archive it is. */
export const account: BareJid = bareJid("alerts@ox.test")
/** Bytes of an OpenPGP message with 400 bytes inside, for one recipient and oneself. */
const OPENPGP_BYTES = 1_000

/** Messages that nobody has seen before. */
export function freshEntries(count: number): NewEntry[] {
  return Array.from({ length: count }, () => {
    const openpgp = new Uint8Array(randomBytes(OPENPGP_BYTES))
    const inside = element("openpgp", namespaces.openpgp, {}, [Buffer.from(openpgp).toString("base64")])
    const id = randomBytes(16).toString("hex")
    const peer = bareJid("operator@ox.test")
    const stanza = element("message", namespaces.client, { from: `${peer}/phone`, to: account, id, type: "chat" }, [
      inside,
    ])
    return { account, peer, direction: "in", stanza, openpgp, via: "live", storedAt: new Date() }
  })
}

/** Peers of a large archive. */
export const PEERS = 200
/** The days over which its messages are spread. */
export const DAYS = 365
/** The first of them. */
export const FIRST_DAY_MS = Date.UTC(2025, 0, 1)

/** Peer number `at` of a large archive. */
export function peerNumber(at: number): BareJid {
  return bareJid(`peer${at}@ox.test`)
}

/**
 * Fills a large archive inside the database: rows as `append` writes them, with an OpenPGP message of 992 bytes, peers and
 * times as they come. Made there, because how it is filled is not what is measured.
 *
 * @param from,to numbers of the rows, the last one not included
 */
export function fillStatement(namespace: string, from: number, to: number): string {
  const inside = '{"name":"openpgp","namespace":"urn:xmpp:openpgp:0","attributes":{},"children":[]}'
  const attributes = `"from":"peer@ox.test/phone","id":"' || md5(n::text) || '","to":"${account}","type":"chat"`
  const stanza = `'{"name":"message","namespace":"jabber:client","attributes":{${attributes}},"children":[${inside}]}'`
  const at = `timestamptz '2025-01-01 00:00:00+00' + n * interval '${(DAYS * 86_400) / 1_000_000} seconds'`
  return `insert into aurochs.archive (namespace, account, peer, direction, digest, stanza, stanza_bytes, openpgp,
      openpgp_at, via, stored_at, at, handled, outcome)
    select '${namespace}', '${account}', 'peer' || floor(random() * ${PEERS})::int || '@ox.test',
      case when n % 3 = 0 then 'out' else 'in' end, decode(md5('a' || n) || md5('b' || n), 'hex'), ${stanza}, 1650,
      decode(repeat(md5('c' || n), 62), 'hex'), 0, 'live', ${at}, ${at}, true, 'secure'
    from generate_series(${from}, ${to - 1}) as n`
}
