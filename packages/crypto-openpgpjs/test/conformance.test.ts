import { describeCryptoProvider } from "@aurochs/conformance"
import { openpgpjs } from "../src/index.ts"

describeCryptoProvider("openpgpjs", () => openpgpjs())
