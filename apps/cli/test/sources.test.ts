import { UsageError } from "@aurochs/cli-kit"
import { systemClock } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, test } from "vitest"
import { openSource, policyOf, type SourceName, type SourceOptions, viaOf } from "../src/sources.ts"

const parts = { provider: openpgpjs(), clock: systemClock() }
const open = (name: SourceName, options: Partial<SourceOptions> = {}) =>
  openSource(name, { via: name, trustAd: false, ...options }, parts)
const refused = (work: () => unknown, what: RegExp) => {
  expect(work).toThrow(UsageError)
  expect(work).toThrow(what)
}

const refusedSource = async (work: Promise<unknown>, what: RegExp) => {
  await expect(work).rejects.toThrow(UsageError)
  await expect(work).rejects.toThrow(what)
}

describe("--via", () => {
  test("in the order given, each once", () => {
    expect(viaOf({ via: "vks, pep,vks,dns" })).toEqual(["vks", "pep", "dns"])
    refused(() => viaOf({ via: "pep,dane" }), /dane is not known/)
    refused(() => viaOf({ via: "" }), /not known/)
  })

  test("every source but pep says what it tells to whom; a key server has to be named", async () => {
    const servers = { keyserver: "https://keys.example", dnsServer: ["127.0.0.1:5353"] }
    for (const name of ["wkd", "dns", "hkp", "vks"] as const) {
      expect(await open(name, servers)).toMatchObject({ name, notice: expect.stringMatching(new RegExp(`^${name}: `)) })
    }
    await refusedSource(open("hkp"), /--keyserver/)
    await refusedSource(open("pep"), /account/)
  })

  test("what a source cannot work with is a mistake of the command line", async () => {
    await refusedSource(open("hkp", { keyserver: "http://keys.example" }), /https/)
    await refusedSource(open("dns", { dnsServer: ["192.0.2.1"] }), /trustAd/)
    expect((await open("dns", { dnsServer: ["192.0.2.1"], trustAd: true })).name).toBe("dns")
    await refusedSource(open("wkd", { allowPrivate: ["10.0.0.0/99"] }), /allowPrivate/)
    await refusedSource(open("wkd", { connectTo: ["openpgpkey.example.org"] }), /NAME=ADDRESS/)
    expect((await open("wkd", { connectTo: ["a.example=127.0.0.1:8443", "b.example=[::1]:443"] })).name).toBe("wkd")
  })
})

test("--bind takes wkd and dns, never a key server (A5)", () => {
  for (const bind of ["", "wkd", "dns, wkd"]) expect(policyOf(bind)).toBeTypeOf("function")
  for (const bind of ["hkp", "wkd,vks", "pep", "toString"]) refused(() => policyOf(bind), /only wkd and dns/)
})
