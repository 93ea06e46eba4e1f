import { createPublicKey } from "node:crypto"
import { setImmediate as turn } from "node:timers/promises"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { keysAhead } from "../src/ephemeral.ts"
import { openssl } from "../src/index.ts"
import { newKey, utf8 } from "./setting.ts"

describe("ephemeral keys", () => {
  it.each([0, 1, 8])("no key comes twice, with %i made ahead", async (max) => {
    const next = keysAhead(max)
    const seen = new Set<string>()
    for (let i = 0; i < 100; i++) {
      const { privateKey, x } = next()
      seen.add(x)
      expect(createPublicKey(privateKey).export({ format: "jwk" }).x).toBe(x)
      if (i % 7 === 0) await turn()
    }
    expect(seen.size).toBe(100)
  })

  it("messages sealed with keys made ahead are opened, each with keys of its own", async () => {
    const provider = openssl({ fallback: openpgpjs(), ephemeralKeysAhead: 4 })
    const keys = [await newKey(provider, "alice"), await newKey(provider, "bob")] as const
    const [alice, bob] = keys
    const points = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const recipients = keys.map(({ certificate }) => certificate)
      const sealed = await provider.signcrypt(utf8("x"), { recipients, signWith: alice })
      // Two session key packets of 96 bytes; the point lies in the same place of each.
      for (const start of [15, 111]) points.add(Buffer.from(sealed.subarray(start, start + 32)).toString("hex"))
      const opened = await provider.open(sealed, { decryptWith: [bob], verifyWith: [alice.certificate] })
      expect(opened.signatures).toMatchObject([{ kind: "valid" }])
      await turn()
    }
    expect(points.size).toBe(40)
  })
})
