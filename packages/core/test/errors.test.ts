import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { stripTypeScriptTypes } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { describe, expect, test } from "vitest"
import { AurochsError, aborted, isAurochsError, throwIfAborted } from "../src/index.ts"

describe("AurochsError", () => {
  test("code and details, the cause underneath", () => {
    const cause = new Error("socket")
    const error = new AurochsError("NETWORK", "no answer", { phase: "timeout", retryAfterMs: 5 }, { cause })
    expect(error).toBeInstanceOf(Error)
    expect({ ...error, message: error.message, cause: error.cause }).toEqual({
      name: "AurochsError",
      code: "NETWORK",
      details: { phase: "timeout", retryAfterMs: 5 },
      message: "no answer",
      cause,
    })
  })

  test("isAurochsError looks at the code, if one is asked for", () => {
    const error = new AurochsError("BAD_DATA", "no", { what: "jid" })
    expect(isAurochsError(error)).toBe(true)
    expect(isAurochsError(error, "BAD_DATA")).toBe(true)
    expect(isAurochsError(error, "NETWORK")).toBe(false)
  })

  test("anything else is none, however it looks", () => {
    for (const other of [
      undefined,
      null,
      "BAD_DATA",
      1,
      {},
      new Error("x"),
      { name: "AurochsError", code: "BAD_DATA", details: {} },
    ])
      expect(isAurochsError(other)).toBe(false)
  })

  test("an error of another copy of the package is one, though instanceof says no", async () => {
    const folder = await mkdtemp(join(tmpdir(), "aurochs-core-"))
    try {
      const source = await readFile(new URL("../src/errors.ts", import.meta.url), "utf8")
      const path = join(folder, "errors.mjs")
      await writeFile(path, stripTypeScriptTypes(source))
      const copy = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as typeof import("../src/errors.ts")
      expect(copy.AurochsError).not.toBe(AurochsError)
      const theirs = new copy.AurochsError("STORAGE", "full", { operation: "append" })
      expect(theirs).not.toBeInstanceOf(AurochsError)
      expect(isAurochsError(theirs, "STORAGE")).toBe(true)
      expect(isAurochsError(theirs, "BACKEND")).toBe(false)
      expect(copy.isAurochsError(new AurochsError("ABORTED", "x", undefined), "ABORTED")).toBe(true)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe("aborting", () => {
  test("throwIfAborted throws ABORTED with the signal's reason", () => {
    throwIfAborted(undefined)
    throwIfAborted({})
    throwIfAborted({ signal: new AbortController().signal })
    const reason = new Error("shutting down")
    try {
      throwIfAborted({ signal: AbortSignal.abort(reason) })
      expect.unreachable()
    } catch (error) {
      expect(isAurochsError(error, "ABORTED")).toBe(true)
      expect((error as Error).cause).toBe(reason)
    }
    expect(aborted().cause).toBeUndefined()
  })
})
