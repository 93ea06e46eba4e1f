import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { element } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import {
  encodeBase64,
  openpgpElement,
  parseXml,
  pubkey,
  publicKeyNode,
  publicKeysNode,
  secretKey,
  secretKeyNode,
  stanzaIdOf,
} from "../src/index.ts"
import { expectRefused } from "./refused.ts"

const OX = "urn:xmpp:openpgp:0"
const PACKETS = Uint8Array.from([0xc1, 0x5e, 0x03, 0, 1, 2, 3, 4, 5])
const BASE64 = encodeBase64(PACKETS)
const captures = fileURLToPath(new URL("../../../vectors/captures/", import.meta.url))
const base64Of = (text: string) => encodeBase64(new TextEncoder().encode(text))
const armored = (kind: string, headers = "", end = kind) =>
  `-----BEGIN PGP ${kind}-----\n${headers}\n${BASE64}\n=aB3/\n-----END PGP ${end}-----\n`

describe("<openpgp/>", () => {
  const read = (text: string) => openpgpElement.read(element("openpgp", OX, {}, [text]))

  test("R2: raw packets on one line are written, armor is not", () => {
    expect(openpgpElement.write(PACKETS).children).toEqual([BASE64])
    expectRefused(() => openpgpElement.write(new TextEncoder().encode(armored("MESSAGE"))))
    expectRefused(() => openpgpElement.write(new Uint8Array()))
  })

  test("R1: Base64 in every form that clients send", () => {
    for (const text of [
      BASE64,
      `\n    ${BASE64.slice(0, 5)}\n\t${BASE64.slice(5)}\r\n  `,
      `${BASE64}\n=aB3/`,
      `\n${BASE64.slice(0, 4)}\n${BASE64.slice(4)}\n=aB3/\n`,
      base64Of(armored("MESSAGE")),
      base64Of(armored("MESSAGE", "Version: GnuPG v2\nComment: x\n")),
      base64Of(armored("MESSAGE").replaceAll("\n", "\r\n")),
      base64Of(armored("MESSAGE").replace("=aB3/\n", "")),
    ])
      expect(read(text)).toEqual(PACKETS)
  })

  test("R2: what is no OpenPGP message is refused", () => {
    for (const text of [
      "",
      " ",
      "????",
      armored("MESSAGE"),
      base64Of("hello"),
      base64Of("<signcrypt/>"),
      base64Of(armored("PUBLIC KEY BLOCK")),
      base64Of(armored("MESSAGE", "", "SIGNATURE")),
      base64Of(`-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n${armored("SIGNATURE")}`),
      base64Of(armored("MESSAGE") + armored("MESSAGE")),
      base64Of("-----BEGIN PGP MESSAGE-----"),
      `${BASE64}${BASE64.replace(/=/g, "")}!`,
    ])
      expectRefused(() => read(text))
  })

  test("A8: nothing but text inside", () => {
    expectRefused(() => openpgpElement.read(element("openpgp", OX, {}, [BASE64, element("openpgp", OX, {}, [BASE64])])))
    expectRefused(() => openpgpElement.read(element("openpgp", "jabber:client", {}, [BASE64])))
    expectRefused(() => openpgpElement.read(element("signcrypt", OX, {}, [BASE64])))
  })

  test("a large message takes no time to speak of", () => {
    const large = new Uint8Array(700_000).fill(0xc1)
    const before = performance.now()
    expect(openpgpElement.read(openpgpElement.write(large))).toEqual(large)
    expectRefused(() => read(`${"=".repeat(900_000)}`))
    expectRefused(() => read(`${" \n".repeat(400_000)}=`))
    expect(performance.now() - before).toBeLessThan(5_000)
  })

  test("the stanzas that Profanity and go-sendxmpp sent", () => {
    const names = readdirSync(captures).filter((name) => name.endsWith(".xml"))
    expect(names.length).toBeGreaterThanOrEqual(4)
    for (const name of names) {
      const message = parseXml(readFileSync(captures + name))
      const openpgp = message.children.find((child) => typeof child !== "string" && child.name === "openpgp")
      if (typeof openpgp !== "object") throw new Error(`${name} has no <openpgp/>`)
      const bytes = openpgpElement.read(openpgp)
      // PKESK, old or new packet format (RFC 9580 §4.2).
      expect([0x84, 0xc1]).toContain(bytes[0])
      expect(stanzaIdOf(message, message.attributes.to?.split("/")[0] ?? "")).toHaveLength(24)
    }
  })
})

describe("<pubkey/> and <secretkey/>", () => {
  test("R21, R26, R27: a certificate is raw packets in <data/>", () => {
    const read = (inner: string) => pubkey.read(parseXml(`<pubkey xmlns='${OX}'>${inner}</pubkey>`))
    expect(pubkey.write(PACKETS)).toEqual(parseXml(`<pubkey xmlns='${OX}'><data>${BASE64}</data></pubkey>`))
    expectRefused(() => pubkey.write(new TextEncoder().encode(armored("PUBLIC KEY BLOCK"))))
    expect(read(`\n <data>\n ${BASE64}\n </data>\n`)).toEqual(PACKETS)
    expect(read(`<data>${base64Of(armored("PUBLIC KEY BLOCK"))}</data>`)).toEqual(PACKETS)
    expectRefused(() => read(""))
    expectRefused(() => read(BASE64))
    expectRefused(() => read(`<data/>`))
    expectRefused(() => read(`<data>${BASE64}</data><data>${BASE64}</data>`))
    expectRefused(() => read(`<x><data>${BASE64}</data></x>`))
    expectRefused(() => read(`<data xmlns='urn:x'>${BASE64}</data>`))
    expectRefused(() => read(`<data>${base64Of(armored("MESSAGE"))}</data>`))
    expectRefused(() => pubkey.read(parseXml(`<pubkey><data>${BASE64}</data></pubkey>`)))
  })

  test("encrypted secret keys are raw packets in <secretkey/>", () => {
    expect(secretKey.read(secretKey.write(PACKETS))).toEqual(PACKETS)
    expectRefused(() => secretKey.read(element("secretkey", OX)))
    expectRefused(() => secretKey.read(element("pubkey", OX, {}, [BASE64])))
  })

  test("R22: the nodes' names", () => {
    expect(publicKeyNode("1357B01865B2503C18453D208CAC2A9678548E35")).toBe(
      "urn:xmpp:openpgp:0:public-keys:1357B01865B2503C18453D208CAC2A9678548E35",
    )
    expect([publicKeysNode, secretKeyNode]).toEqual(["urn:xmpp:openpgp:0:public-keys", "urn:xmpp:openpgp:0:secret-key"])
  })
})
