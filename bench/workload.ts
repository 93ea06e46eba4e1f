import { randomBytes } from "node:crypto"

/** The size of the content element that is sealed and opened, in bytes. */
export const CONTENT_BYTES = 400

/** How many recipients, oneself not counted. */
export const RECIPIENTS: readonly number[] = [1, 2, 5, 20]

/** A `<signcrypt/>` of exactly this many bytes, as a client writes it (XEP-0373 §3.1). */
export function signcryptText(bytes: number = CONTENT_BYTES): string {
  const before =
    "<signcrypt xmlns='urn:xmpp:openpgp:0'><to jid='bob@ox.test'/><time stamp='2026-03-14T15:09:26Z'/>" +
    `<rpad>${randomBytes(48).toString("hex")}</rpad><payload><body xmlns='jabber:client'>`
  const after = "</body></payload></signcrypt>"
  const room = bytes - before.length - after.length
  if (room < 1) throw new Error(`a <signcrypt/> of ${bytes} bytes has no room for a text`)
  return `${before}${"Disk almost full: 4 % of /var/lib/postgresql is left. ".repeat(room).slice(0, room)}${after}`
}
