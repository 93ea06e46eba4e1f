import { describeCryptoProvider } from "@aurochs/conformance"
import { describe, it } from "vitest"
import { missing, provider } from "./support/program.ts"

if (missing === undefined) describeCryptoProvider("gnupg", () => provider())
else describe("CryptoProvider: gnupg", () => it("has a gpg to run", (context) => context.skip(missing)))
