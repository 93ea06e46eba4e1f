import { describe, expect, test } from "vitest"
import { parseXml, publicKeysList, serializeXml } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

const OX = "urn:xmpp:openpgp:0"
const A = "1357B01865B2503C18453D208CAC2A9678548E35"
const B = "67819B343B2AB70DED9320872C6464AF2A8E4C02"
const V6 = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"
const list = (inner: string) => parseXml(`<public-keys-list xmlns='${OX}'>${inner}</public-keys-list>`)
const read = (inner: string) =>
  publicKeysList.read(list(inner)).map(({ fingerprint, date }) => [fingerprint, date?.toISOString()])

describe("<public-keys-list/>: reading", () => {
  test("R24: fingerprints in any case are upper-case, v6 ones too", () => {
    expect(
      read(
        `<pubkey-metadata v4-fingerprint='${A.toLowerCase()}' date='2018-03-01T15:26:12Z'/>` +
          `<pubkey-metadata v4-fingerprint='${V6}' date='2018-03-01T15:26:12+0000'/>`,
      ),
    ).toEqual([
      [A, "2018-03-01T15:26:12.000Z"],
      [V6, "2018-03-01T15:26:12.000Z"],
    ])
  })

  test("R31: doubles are one, the newest", () => {
    expect(
      read(
        `<pubkey-metadata v4-fingerprint='${A}' date='2018-03-01T15:26:12Z'/>` +
          `<pubkey-metadata v4-fingerprint='${B}' date='2018-03-01T15:26:12Z'/>` +
          `<pubkey-metadata v4-fingerprint='${A.toLowerCase()}' date='2020-03-01T15:26:12Z'/>` +
          `<pubkey-metadata v4-fingerprint='${B}'/>`,
      ),
    ).toEqual([
      [A, "2020-03-01T15:26:12.000Z"],
      [B, "2018-03-01T15:26:12.000Z"],
    ])
  })

  test("one bad entry does not cost the others; a bad date does not cost its entry", () => {
    expect(
      read(
        "<pubkey-metadata/><pubkey-metadata v4-fingerprint=''/><pubkey-metadata v4-fingerprint='xyz' date='2018-03-01T15:26:12Z'/>" +
          `<pubkey-metadata v4-fingerprint='${A}' date='yesterday'/><pubkey-metadata xmlns='urn:x' v4-fingerprint='${B}'/><other/>`,
      ),
    ).toEqual([[A, undefined]])
    expect(read("")).toEqual([])
  })

  test("another element is refused", () => {
    expectRefused(() => publicKeysList.read(parseXml("<public-keys-list/>")))
    expectRefused(() => publicKeysList.read(parseXml(`<pubkey xmlns='${OX}'/>`)))
  })
})

describe("<public-keys-list/>: writing", () => {
  test("R24, R30: an entry of our own has the two attributes and no other", () => {
    expect(serializeXml(publicKeysList.write([{ fingerprint: A, date: new Date("2024-01-02T03:04:05.678Z") }]))).toBe(
      `<public-keys-list xmlns='${OX}'><pubkey-metadata v4-fingerprint='${A}' date='2024-01-02T03:04:05Z'/></public-keys-list>`,
    )
  })

  test("A33: another client's entries are written back as they were, but for what makes clients drop the whole list", () => {
    const foreign = [
      [
        `v4-fingerprint='${A.toLowerCase()}' date='2018-03-01T15:26:12.123456Z' x='1'`,
        `v4-fingerprint='${A}' date='2018-03-01T15:26:12.123456Z' x='1'`,
      ],
      [`v4-fingerprint='${A}' date='2018-03-01T15:26:12+0000'`, `v4-fingerprint='${A}' date='2018-03-01T15:26:12Z'`],
      [`date='2018-03-01T17:26:12+02:00' v4-fingerprint='${A}'`, `date='2018-03-01T15:26:12Z' v4-fingerprint='${A}'`],
      [`v4-fingerprint='${A}' date='yesterdayZ'`, `v4-fingerprint='${A}' date='1970-01-01T00:00:00Z'`],
      [`v4-fingerprint='${A}'`, `v4-fingerprint='${A}' date='1970-01-01T00:00:00Z'`],
    ]
    for (const [before, after] of foreign) {
      const again = publicKeysList.write(
        publicKeysList.read(list(`<pubkey-metadata ${before}><y xmlns='urn:y'>z</y></pubkey-metadata>`)),
      )
      expect(again).toEqual(list(`<pubkey-metadata ${after}><y xmlns='urn:y'>z</y></pubkey-metadata>`))
    }
  })

  test("an entry with a new date gets it", () => {
    const [entry] = publicKeysList.read(list(`<pubkey-metadata v4-fingerprint='${A}' date='2018-03-01T15:26:12Z'/>`))
    if (entry === undefined) throw new Error("no entry")
    const again = publicKeysList.write([{ ...entry, date: new Date("2024-01-01T00:00:00Z") }])
    expect(again).toEqual(list(`<pubkey-metadata v4-fingerprint='${A}' date='2024-01-01T00:00:00Z'/>`))
  })

  test("R31: no fingerprint is written twice", () => {
    const entries = [
      { fingerprint: A, date: new Date("2024-01-01T00:00:00Z") },
      { fingerprint: B, date: new Date("2024-01-01T00:00:00Z") },
      { fingerprint: A, date: new Date("2025-01-01T00:00:00Z") },
    ]
    expect(publicKeysList.read(publicKeysList.write(entries)).map(({ fingerprint }) => fingerprint)).toEqual([A, B])
    expectRefused(() => publicKeysList.write([{ fingerprint: "abc" }]))
    expectRefused(() => publicKeysList.write([{ fingerprint: A.toLowerCase() }]))
  })
})
