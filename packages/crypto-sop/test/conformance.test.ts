import { describeCryptoProvider } from "@aurochs/conformance"
import { describe, test } from "vitest"
import { sop } from "../src/index.ts"
import { all, reader, tried } from "./programs.ts"
import { skips } from "./skips.ts"

for (const name of ["sqop", "gosop", "pgpainless-cli"]) {
  const { missing, ...program } = await tried(name)
  if (missing === undefined) {
    const skip = skips(name, name === "pgpainless-cli" && !all)
    describeCryptoProvider(`sop:${name}`, () => sop({ ...program, certificates: reader }), { skip })
  } else {
    describe(`CryptoProvider: sop:${name}`, () => {
      test("the suite", (context) => context.skip(missing))
    })
  }
}
