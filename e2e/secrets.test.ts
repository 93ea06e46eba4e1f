import { cryptoRandom } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { backupCode } from "@aurochs/keys"
import { expect, test } from "vitest"
import { secretsIn } from "../scripts/secrets-in.ts"

test("a backup code, a secret key and the tests' passphrases are found wherever they stand", async () => {
  const provider = openpgpjs()
  for (const version of [4, 6] as const) {
    const { key } = await provider.generate({ userId: "xmpp:a@example.org", version })
    const bytes = (await provider.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
    const base64 = Buffer.from(bytes).toString("base64")
    if (version === 4) expect(secretsIn(`{"secret":"${base64}"}`)).toContain("a secret key in Base64")
    const certificate = Buffer.from(key.certificate.bytes).toString("base64")
    expect(secretsIn(`{"certificate":"${certificate}"}`)).toEqual([])
  }
  expect(secretsIn(`code: ${backupCode(cryptoRandom())}.`)).toEqual(["a backup code"])
  expect(secretsIn("-----BEGIN PGP PRIVATE KEY BLOCK-----")).toEqual(["an armored secret key"])
  expect(secretsIn("wrong passphrase: Correct Horse battery")).toEqual(["a passphrase of the tests"])
})

test("fingerprints, ids and the example of the XEP are no secrets", () => {
  const harmless =
    "C6F3 39B8 8B1E 8F1F TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW 2026-11-23T02:14:33Z 0b7c1e0e-5f64-4d6a-9b1f-8e2d6b0a6c11"
  expect(secretsIn(harmless)).toEqual([])
})
