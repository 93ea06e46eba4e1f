import type { CryptoProvider, Opened } from "@aurochs/crypto"
import { expect, it } from "vitest"
import { type Figures, runDifferential } from "./differential/run.ts"

const CI_MESSAGES = 2_000

it(`A15 A25 A27: ${CI_MESSAGES} generated and altered messages: crypto-openssl says what OpenPGP.js, gpg and sqop say`, async (context) => {
  const seed = Number(process.env.DIFFERENTIAL_SEED ?? Date.now() % 2 ** 31)
  console.log(`seed ${seed}: DIFFERENTIAL_SEED=${seed} repeats the choices`)
  const figures: Figures = await runDifferential({ seed, count: CI_MESSAGES, sample: 60 })
  expect(figures.disagreements).toEqual([])
  expect(figures.messages).toBe(CI_MESSAGES)
  // Enough of both kinds, or nothing was shown.
  expect(figures.decided).toBeGreaterThan(CI_MESSAGES / 10)
  expect(figures.handedOn).toBeGreaterThan(CI_MESSAGES / 10)
  if (figures.withoutPrograms !== undefined) return context.skip(`gpg and sqop: ${figures.withoutPrograms}`)
  expect(Math.min(figures.compared.gpg, figures.compared.sqop)).toBeGreaterThan(20)
}, 60_000)

const opens =
  (change: (opened: Opened) => Opened) =>
  (good: CryptoProvider): CryptoProvider => ({
    ...good,
    open: async (message, options) => change(await good.open(message, options)),
  })

const wrong = {
  "calls every signature valid": opens((o) => ({
    ...o,
    signatures: o.signatures.map(() => ({ kind: "valid", certificate: "A".repeat(40), signedAt: new Date(0) })),
  })),
  "loses the last byte of the text": opens((o) => ({ ...o, plaintext: o.plaintext.slice(0, -1) })),
}

it.each(Object.entries(wrong))("finds an engine that %s", async (_, plant) => {
  const { disagreements } = await runDifferential({ seed: 3, count: 400, sample: 0, plant })
  expect(disagreements.length).toBeGreaterThan(0)
})
