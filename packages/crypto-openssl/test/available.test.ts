import { expect, it } from "vitest"
import { opensslAvailable } from "../src/index.ts"

it("this Node's OpenSSL has all that usual messages need", () => {
  expect(opensslAvailable()).toEqual({ usable: true, version: process.versions.openssl })
})
