import { describeCryptoProvider } from "@aurochs/conformance/crypto"
import { openpgpjs } from "../src/index.ts"

describeCryptoProvider("openpgpjs", () => openpgpjs())
