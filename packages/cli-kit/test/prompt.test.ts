import { PassThrough } from "node:stream"
import { describe, expect, it } from "vitest"
import { UsageError } from "../src/index.ts"
import { ask, askSecret } from "../src/prompt.ts"

/** Types each answer when the next question was put. */
function terminal(...answers: readonly string[]) {
  const input = new PassThrough()
  const output = new PassThrough()
  const left = [...answers]
  let shown = ""
  output.on("data", (data: Buffer) => {
    shown += data
    if (shown.endsWith(": ")) setImmediate(() => input.write(left.shift() ?? ""))
  })
  return { input, output, shown: () => shown }
}

describe("a prompt", () => {
  it("reads one line and does not echo it", async () => {
    const at = terminal("hunter2\r")
    expect(await ask("password: ", at)).toBe("hunter2")
    expect(at.shown()).toBe("password: \n")
  })

  it.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-C after some letters", "abc\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("%s is told, and ends it", async (_name, keys) => {
    const asked = ask("password: ", terminal(keys))
    await expect(asked).rejects.toThrow(UsageError)
    await expect(asked).rejects.toThrow("Nothing was typed.")
  })

  it("a terminal that goes away ends it, too", async () => {
    const at = terminal()
    setImmediate(() => at.input.end())
    await expect(ask("password: ", at)).rejects.toThrow("Nothing was typed.")
  })

  it("an old secret is asked once, a new one twice", async () => {
    expect(await askSecret("passphrase", false, terminal("a b\r"))).toBe("a b")
    const at = terminal("a b\r", "a b\r")
    expect(await askSecret("passphrase", true, at)).toBe("a b")
    expect(at.shown()).toBe("new passphrase: \nthe same passphrase again: \n")
  })

  it("a new secret that was typed in two ways, or is empty, is refused without showing it", async () => {
    const asked = askSecret("passphrase", true, terminal("right\r", "wrong\r"))
    await expect(asked).rejects.toThrow(/^The two were not the same passphrase; nothing was done\.$/)
    await expect(askSecret("passphrase", true, terminal("\r"))).rejects.toThrow("The passphrase is empty.")
  })
})
