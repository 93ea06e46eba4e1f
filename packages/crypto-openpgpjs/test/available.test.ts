import { afterEach, describe, expect, it, vi } from "vitest"
import { openpgpjsAvailable } from "../src/index.ts"

describe("openpgpjsAvailable", () => {
  afterEach(() => vi.unstubAllGlobals())

  it("tells the library's version", () => {
    expect(openpgpjsAvailable()).toEqual({ usable: true, version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })

  it("says why not on a page without Web Crypto", () => {
    vi.stubGlobal("crypto", { getRandomValues: () => {} })
    expect(openpgpjsAvailable()).toMatchObject({ usable: false, because: expect.stringContaining("secure origin") })
  })
})
