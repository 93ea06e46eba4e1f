import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { engines, leftOut, onlyKey, type TestEngine } from "../rig/engines.ts"

const TEXT = new TextEncoder().encode(
  "<signcrypt xmlns='urn:xmpp:openpgp:0'>from one engine to another: é 🐂</signcrypt>",
)
const names = Object.keys(engines)

const opened = new Map<string, TestEngine>()
const missing = new Map<string, string>()
const secrets: Record<"alice" | "bob", Uint8Array> = { alice: new Uint8Array(), bob: new Uint8Array() }

beforeAll(async () => {
  for (const [name, make] of Object.entries(engines)) {
    const made = await make()
    if (made.missing === undefined) opened.set(name, made)
    else missing.set(name, made.missing)
  }
  for (const who of ["alice", "bob"] as const) {
    const maker = openpgpjs()
    const { key } = await maker.generate({ userId: `xmpp:${who}@ox.test` })
    secrets[who] = (await maker.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
  }
}, 300_000)
afterAll(async () => {
  for (const engine of opened.values()) await engine[Symbol.asyncDispose]()
})

describe("sealed by one engine, opened by another", () => {
  it.for(names.flatMap((sealer) => names.map((opener) => ({ sealer, opener }))))(
    "sealed by $sealer, opened by $opener",
    { timeout: 60_000 },
    async ({ sealer, opener }, { skip }) => {
      const [from, to] = [opened.get(sealer), opened.get(opener)]
      if (from === undefined || to === undefined) return skip(missing.get(sealer) ?? missing.get(opener) ?? "")
      const alice = await onlyKey(from.provider, secrets.alice)
      const bob = await onlyKey(to.provider, secrets.bob)
      const sealed = await from.provider.signcrypt(TEXT, {
        recipients: [bob.certificate, alice.certificate],
        signWith: alice,
      })
      const { plaintext, encrypted, signatures } = await to.provider.open(sealed, {
        decryptWith: [bob],
        verifyWith: [alice.certificate],
      })
      expect(new TextDecoder().decode(plaintext)).toBe(new TextDecoder().decode(TEXT))
      expect(encrypted).toBe(true)
      expect(signatures).toMatchObject([{ kind: "valid", certificate: alice.certificate.fingerprint }])
      for (const key of [alice, bob]) await key[Symbol.asyncDispose]()
    },
  )

  it.for(Object.entries(leftOut))("%s takes part", ([, reason], { skip }) => skip(reason))
})
