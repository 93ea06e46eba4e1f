import { describeCryptoProvider } from "@aurochs/conformance"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "../src/index.ts"

describeCryptoProvider("openssl", () => openssl({ fallback: openpgpjs() }))
