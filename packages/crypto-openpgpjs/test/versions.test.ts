import { createHash, createPrivateKey, sign } from "node:crypto"
import { readFileSync } from "node:fs"
import type { SecretKey } from "@aurochs/crypto"
import { type Packet, readPackets, tag } from "@aurochs/crypto/packets"
import * as pgp from "openpgp"
import { beforeAll, describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"

const provider = openpgpjs()
const text = new TextEncoder().encode("<sign xmlns='urn:xmpp:openpgp:0'/>")
const [EDDSA_LEGACY, SHA512, BINARY, RSA] = [22, 10, 0, 1]

function packetsOf(bytes: Uint8Array): readonly Packet[] {
  const found = readPackets(bytes, { maxPackets: 100 })
  if (typeof found === "string") throw new Error(found)
  return found
}

function versionsOf(bytes: Uint8Array, ...tags: readonly number[]): number[] {
  return packetsOf(bytes)
    .filter((one) => tags.includes(one.tag))
    .map((one) => one.body[0] ?? 0)
}

function packet(type: number, ...body: readonly Uint8Array[]): Buffer {
  const all = Buffer.concat(body)
  const head = Buffer.from([0xc0 | type, 255, 0, 0, 0, 0])
  head.writeUInt32BE(all.length, 2)
  return Buffer.concat([head, all])
}

function mpi(number: Uint8Array): Buffer {
  const bytes = number.subarray(number.findIndex((byte) => byte !== 0))
  const bits = bytes.length * 8 - Math.clz32(bytes[0] ?? 0) + 24
  return Buffer.concat([Buffer.from([bits >> 8, bits & 255]), bytes])
}

const uint = (value: number, octets: number): Buffer => Buffer.from(value.toString(16).padStart(octets * 2, "0"), "hex")

describe("R45: versions of packets", () => {
  let key: SecretKey
  let seed: Uint8Array
  let signedAt: number

  beforeAll(async () => {
    key = (await provider.generate({ userId: "xmpp:juliet@example.org" })).key
    signedAt = Math.floor(Date.now() / 1000)
    const exported = await provider.secrets?.export(key, { passphrase: "none" })
    const body = packetsOf(exported ?? new Uint8Array())[0]?.body ?? new Uint8Array()
    // Behind the public part: the S2K usage octet, an MPI, a checksum of two octets.
    const secret = body.subarray((packetsOf(key.certificate.bytes)[0]?.body.length ?? 0) + 3, -2)
    seed = Buffer.concat([Buffer.alloc(32 - secret.length), secret])
  })

  /** What Ed25519 says over the text and a trailer (RFC 9580 §5.2.4), and the first octets of the hash. */
  function seal(trailer: Uint8Array): Buffer {
    const digest = createHash("sha512").update(text).update(trailer).digest()
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed])
    const signature = sign(null, digest, createPrivateKey({ key: der, format: "der", type: "pkcs8" }))
    return Buffer.concat([digest.subarray(0, 2), mpi(signature.subarray(0, 32)), mpi(signature.subarray(32))])
  }

  /** A message that is signed by hand, with a signature of this version. */
  function signed(version: 3 | 4): Uint8Array {
    const keyId = Buffer.from(key.certificate.fingerprint.slice(-16), "hex")
    const literal = packet(tag.literal, Buffer.from([0x62, 0, 0, 0, 0, 0]), text)
    const time = uint(signedAt, 4)
    if (version === 3) {
      const hashed = Buffer.concat([Buffer.of(BINARY), time])
      const parts = [Buffer.of(3, 5), hashed, keyId, Buffer.of(EDDSA_LEGACY, SHA512), seal(hashed)]
      return Buffer.concat([packet(tag.signature, ...parts), literal])
    }
    const subpackets = Buffer.concat([Buffer.of(5, 2), time, Buffer.of(9, 16), keyId])
    const head = Buffer.of(4, BINARY, EDDSA_LEGACY, SHA512)
    const hashed = Buffer.concat([head, uint(subpackets.length, 2), subpackets])
    const trailer = Buffer.concat([hashed, Buffer.of(4, 255), uint(hashed.length, 4)])
    return Buffer.concat([packet(tag.signature, hashed, uint(0, 2), seal(trailer)), literal])
  }

  const verdictOf = async (bytes: Uint8Array) => {
    const opened = await provider.open(bytes, { decryptWith: [], verifyWith: [key.certificate] }).catch(() => undefined)
    return opened?.signatures.map(({ kind }) => kind) ?? "refused"
  }

  it("R45: a good signature counts in version 4, and never in version 3", async () => {
    expect(await verdictOf(signed(4))).toEqual(["valid"])
    expect(await verdictOf(signed(3))).toEqual(["unverified"])
  })

  it("R45: a key of version 3 is no certificate", async () => {
    const made = await pgp.generateKey({
      type: "rsa",
      rsaBits: 2048,
      userIDs: [{ name: "xmpp:juliet@example.org" }],
      format: "object",
    })
    const v4 = made.publicKey.write()
    expect((await provider.inspect(v4)).canSign).toBe(true)
    const [primary, ...rest] = packetsOf(v4)
    const body = primary?.body ?? new Uint8Array()
    expect([...body.subarray(0, 1), ...body.subarray(5, 6)]).toEqual([4, RSA])
    // RFC 4880 §5.5.2: version, time, days of validity (two octets), algorithm, n, e.
    const old = packet(tag.publicKey, Buffer.of(3), body.subarray(1, 5), uint(0, 2), body.subarray(5))
    const v3 = Buffer.concat([old, ...rest.map((one) => packet(one.tag, one.body))])
    const refusal = { code: "BAD_DATA", details: { what: "certificate" } }
    await expect(provider.inspect(v3)).rejects.toMatchObject(refusal)
    const as = { ...key.certificate, bytes: v3 }
    await expect(provider.encrypt(text, { recipients: [as] })).rejects.toMatchObject(refusal)
  })

  it.each([4, 6] as const)("R45: what is made with a key of version %i has no older packet", async (version) => {
    const made = await provider.generate({ userId: "xmpp:romeo@example.org", version })
    const { certificate } = made.key
    const keys = versionsOf(certificate.bytes, tag.publicKey, tag.publicSubkey)
    expect(keys).toEqual([version, version])
    const ownSignatures = versionsOf(certificate.bytes, tag.signature)
    expect(new Set(ownSignatures)).toEqual(new Set([version]))
    expect(versionsOf(await provider.sign(text, { signWith: made.key }), tag.signature)).toEqual([version])
    const sealed = await provider.signcrypt(text, { recipients: [certificate], signWith: made.key })
    // The session key packet of the time of version 4 has version 3, and both kinds of key get it (RFC 9580 §5.1.1).
    expect(versionsOf(sealed, tag.publicKeySession)).toEqual([3])
    expect(versionsOf(sealed, tag.encrypted)).toEqual([1])
  })
})

it("R55, A25: the OpenPGP is OpenPGP.js', in one exact version without the known forgeries", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  const foreign = Object.entries(manifest.dependencies).filter(([name]) => !name.startsWith("@aurochs/"))
  expect(foreign.map(([name]) => name)).toEqual(["openpgp"])
  const [major = 0, minor = 0, patch = 0] = (foreign[0]?.[1] ?? "").split(".").map(Number)
  // 6.1.1 is the first without CVE-2025-47934.
  expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(6_001_001)
  expect(pgp.config.versionString).toContain(`${major}.${minor}.${patch}`)
})
