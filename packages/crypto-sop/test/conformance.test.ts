import { describeCryptoProvider } from "@aurochs/conformance"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { sop } from "../src/index.ts"

for (const program of ["sqop", "gosop"]) {
  describeCryptoProvider(`sop:${program}`, () => sop({ program, certificates: openpgpjs() }))
}
