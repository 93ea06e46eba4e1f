import { bareJid } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import { recordName } from "../src/dns/directory.ts"
import { trustedServers } from "../src/dns/servers.ts"
import { readIndex } from "../src/hkp/index-lines.ts"
import { localpartHash, wkdAddress } from "../src/wkd/address.ts"
import { readPolicy } from "../src/wkd/policy.ts"

describe("Web Key Directory", () => {
  test("the draft's example: Joe.Doe@Example.ORG", () => {
    const address = wkdAddress("Joe.Doe@Example.ORG")
    expect(localpartHash("Joe.Doe")).toBe("iy9q119eutrkn8s1mk4r39qejnbu3n5q")
    const folder = ".well-known/openpgpkey"
    expect(address.advanced.key.href).toBe(
      `https://openpgpkey.example.org/${folder}/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=joe.doe`,
    )
    expect(address.direct.key.href).toBe(`https://example.org/${folder}/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=joe.doe`)
    expect(address.advanced.policy.href).toBe(`https://openpgpkey.example.org/${folder}/example.org/policy`)
  })

  test("only ASCII letters are made small; the localpart is escaped; the domain becomes A-labels", () => {
    expect(localpartHash("ÄB")).toBe(localpartHash("Äb"))
    expect(localpartHash("äb")).not.toBe(localpartHash("Äb"))
    const address = wkdAddress(bareJid("a+b@bücher.example"))
    expect(address.domain).toBe("xn--bcher-kva.example")
    expect(address.advanced.key.search).toBe("?l=a%2Bb")
  })

  test.each(["a@[::1]", "a@127.0.0.1"])("%s has none", (jid) => {
    expect(() => wkdAddress(bareJid(jid))).toThrow(expect.objectContaining({ code: "BAD_DATA" }))
    expect(() => recordName(bareJid(jid))).toThrow(expect.objectContaining({ code: "BAD_DATA" }))
  })

  test("the policy file", () => {
    const text = "# comment\nmailbox-only\r\nprotocol-version: 19\nsubmission-address: keys@example.org\nnew-thing\n"
    expect(readPolicy(text)).toEqual({
      mailboxOnly: true,
      authSubmit: false,
      daneOnly: false,
      protocolVersion: 19,
      submissionAddress: "keys@example.org",
    })
    expect(readPolicy("")).toEqual({ mailboxOnly: false, authSubmit: false, daneOnly: false })
    expect(readPolicy("dane-only").daneOnly).toBe(true)
  })
})

describe("DNS", () => {
  test("RFC 7929's example: hugh@example.com", () => {
    expect(recordName("hugh@example.com")).toBe(
      "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6._openpgpkey.example.com",
    )
  })

  test("a resolver is believed on this machine, or when it is named as trusted", () => {
    expect(trustedServers(["127.0.0.1:5353", "[::1]:53", "::1"], false)).toEqual([
      { address: "127.0.0.1", port: 5353 },
      { address: "::1", port: 53 },
      { address: "::1", port: 53 },
    ])
    expect(trustedServers(["9.9.9.9"], true)).toEqual([{ address: "9.9.9.9", port: 53 }])
    for (const servers of [["9.9.9.9"], ["127.0.0.1", "192.168.1.1"]]) {
      expect(() => trustedServers(servers, false)).toThrow(
        expect.objectContaining({ code: "CONFIGURATION", details: { field: "trustAd" } }),
      )
    }
    for (const servers of [[], ["resolver.example"], ["127.0.0.1:0"], ["127.0.0.1:99999"], ["[::1"]]) {
      expect(() => trustedServers(servers, true)).toThrow(
        expect.objectContaining({ code: "CONFIGURATION", details: { field: "servers" } }),
      )
    }
  })
})

describe("the index of a key server", () => {
  const print = "C9203707BAC70A588BD92480E73DCCAFDA82392E"

  test("as SKS writes it", () => {
    const text = `info:1:2\npub:${print}:22:256:1795645192::\nuid:xmpp%3Ajuliet@ox.test:1795645192::\nuid:J%C3%BCl:1::\npub:664579C8816AA9F0:22:256:1::r\r\nuid:two:1::\n`
    expect(readIndex(text)).toEqual([
      { id: print, fingerprint: print, userIds: ["xmpp:juliet@ox.test", "Jül"] },
      { id: "664579C8816AA9F0", userIds: ["two"] },
    ])
  })

  test("a User ID behind a key that cannot be read is nobody's; broken escapes are left out", () => {
    expect(readIndex(`pub:${print}:1\npub:XYZ:1\nuid:xmpp%3Ajuliet@ox.test\n`)).toEqual([
      { id: print, fingerprint: print, userIds: [] },
    ])
    expect(readIndex(`uid:a\npub:${print}:1\nuid:%E0%A4%A\n<html>`)).toEqual([
      { id: print, fingerprint: print, userIds: [] },
    ])
    expect([readIndex(""), readIndex("info:1:0\n")]).toEqual([[], []])
  })
})
