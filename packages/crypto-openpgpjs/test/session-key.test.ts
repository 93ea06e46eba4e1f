import type { Certificate } from "@aurochs/core"
import type { SecretKey, SessionKey } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { beforeAll, describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"

const provider = openpgpjs()
const TEXT = new TextEncoder().encode("decrypted on a card, judged here")

describe("openWithSessionKey", () => {
  let alice: SecretKey
  let bob: SecretKey
  let message: Uint8Array
  let sessionKey: SessionKey
  const from = async (by: SecretKey, to: Certificate) => provider.signcrypt(TEXT, { recipients: [to], signWith: by })

  beforeAll(async () => {
    alice = (await provider.generate({ userId: "xmpp:alice@example.org" })).key
    bob = (await provider.generate({ userId: "xmpp:bob@example.org" })).key
    message = await from(alice, bob.certificate)
    sessionKey = await sessionKeyOf(message, bob)
  })

  it("R15: gives the same text and verdicts as open", async () => {
    const verifyWith = [alice.certificate]
    const { encryptedTo, ...opened } = await provider.open(message, { decryptWith: [bob], verifyWith })
    expect(await provider.openWithSessionKey?.(message, { sessionKey, verifyWith })).toMatchObject(opened)
    expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: alice.certificate.fingerprint }])
    const told = await provider.openWithSessionKey?.(message, { sessionKey, verifyWith, encryptedTo })
    expect(told?.encryptedTo).toBe(bob.certificate.fingerprint)
  })

  it("R16: vouches for nobody whose certificate was not given", async () => {
    const opened = await provider.openWithSessionKey?.(message, { sessionKey, verifyWith: [bob.certificate] })
    expect(opened?.signatures).toMatchObject([{ kind: "unverified", reason: "unknown-key" }])
  })

  it("A15: another message's session key, an altered message and an unknown algorithm are CANNOT_DECRYPT", async () => {
    const altered = message.slice()
    altered[altered.length - 5] = (altered[altered.length - 5] ?? 0) ^ 1
    const other = await sessionKeyOf(await from(alice, bob.certificate), bob)
    const unknown = { ...sessionKey, algorithm: 99 }
    for (const [bytes, key] of [
      [message, other],
      [altered, sessionKey],
      [message, unknown],
    ] as const) {
      await expect(provider.openWithSessionKey?.(bytes, { sessionKey: key, verifyWith: [] })).rejects.toMatchObject({
        code: "CANNOT_DECRYPT",
      })
    }
  })

  it("R3: a message that is only signed is BAD_DATA", async () => {
    const signed = await provider.sign(TEXT, { signWith: alice })
    await expect(provider.openWithSessionKey?.(signed, { sessionKey, verifyWith: [] })).rejects.toMatchObject({
      code: "BAD_DATA",
    })
  })
})

async function sessionKeyOf(binaryMessage: Uint8Array, key: SecretKey): Promise<SessionKey> {
  const binaryKey = await provider.secrets?.export(key, { passphrase: "none" })
  if (binaryKey === undefined) throw new Error("no export")
  const decryptionKeys = await pgp.readPrivateKey({ binaryKey })
  const message = await pgp.readMessage({ binaryMessage })
  const [found] = await pgp.decryptSessionKeys({ message, decryptionKeys })
  if (found === undefined) throw new Error("no session key")
  return { algorithm: pgp.enums.symmetric[found.algorithm as pgp.enums.symmetricNames], bytes: found.data }
}
