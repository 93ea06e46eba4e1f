import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { CryptoProvider } from "@aurochs/crypto"
import { describe, expect, it } from "vitest"
import { cryptoSubject } from "../src/crypto-provider.ts"

describe("the provider of one case", () => {
  it("is made in an empty temporary folder, and disposed before the folder is removed", async () => {
    const before = tmpdir()
    let folder = ""
    const gone: boolean[] = []
    const { provider, dispose } = await cryptoSubject(async () => {
      folder = tmpdir()
      expect([folder === before, readdirSync(folder)]).toEqual([false, []])
      writeFileSync(join(folder, "homedir"), "")
      const dispose = async () => gone.push(existsSync(join(folder, "homedir")))
      return { name: "one", [Symbol.asyncDispose]: dispose } as unknown as CryptoProvider
    })
    expect(provider.name).toBe("one")
    await dispose()
    expect(gone).toEqual([true])
    expect([existsSync(folder), tmpdir()]).toEqual([false, before])
  })

  it("leaves no folder behind when it cannot be made or disposed", async () => {
    const before = tmpdir()
    let folder = ""
    const fails = async (): Promise<never> => {
      folder = tmpdir()
      throw new Error("no such program")
    }
    await expect(cryptoSubject(fails)).rejects.toThrow("no such program")
    expect([existsSync(folder), tmpdir()]).toEqual([false, before])
    const { dispose } = await cryptoSubject(() => ({ [Symbol.asyncDispose]: fails }) as unknown as CryptoProvider)
    await expect(dispose()).rejects.toThrow("no such program")
    expect([existsSync(folder), tmpdir()]).toEqual([false, before])
  })
})
