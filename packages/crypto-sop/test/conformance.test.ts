import { cryptoProviderCases, describeCryptoProvider, runCase } from "@aurochs/conformance"
import { describe, expect, test } from "vitest"
import { sop } from "../src/index.ts"
import { all, reader, tried } from "./programs.ts"
import { ONE_PROGRAM, quick, skips } from "./skips.ts"

for (const name of ["sqop", "gosop", "pgpainless-cli"]) {
  const { missing, ...program } = await tried(name)
  const make = () => sop({ ...program, certificates: reader })
  if (missing !== undefined) {
    describe(`CryptoProvider: sop:${name}`, () => {
      test("the suite", (context) => context.skip(missing))
    })
  } else if (name !== "sqop" && !all) {
    describe(`CryptoProvider: sop:${name}`, () => {
      test.for(quick)("%s", { timeout: 120_000 }, async (title) => {
        const one = cryptoProviderCases.find((candidate) => candidate.title === title)
        if (one === undefined) throw new Error(`there is no case "${title}"`)
        expect(await runCase(one, make())).toEqual({ outcome: "passed" })
      })
      test("the other cases of the suite", (context) => context.skip(ONE_PROGRAM))
    })
  } else {
    describeCryptoProvider(`sop:${name}`, make, { skip: skips(name) })
  }
}
