import { Worker } from "node:worker_threads"
import { afterEach, expect, test, vi } from "vitest"
import { type PoolProvider, pool } from "../src/pool/index.ts"
import { bytesLeft, isSecretKey } from "./pool-traces.ts"

const traces = new URL("./pool-traces.ts", import.meta.url)
const utf8 = new TextEncoder()
afterEach(() => vi.restoreAllMocks())

/** What was kept in the workers, each with its own number of arrays and of bytes in them that are not zero. */
async function kept(provider: PoolProvider, key: Parameters<PoolProvider["sign"]>[1]["signWith"]) {
  const asked = await Promise.all(Array.from({ length: 16 }, () => provider.sign(utf8.encode("x"), { signWith: key })))
  const arrays = Math.max(...asked.map(([count]) => count ?? 0))
  return { arrays, left: Math.max(...asked.map(([, left]) => left ?? -1)) }
}

test("secret keys and passphrases that went between threads are left in none of them", async () => {
  const sent: Uint8Array[] = []
  const say = Worker.prototype.postMessage
  vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, ...args) {
    for (const { args: own = [] } of args[0] as { args?: readonly unknown[] }[])
      for (const one of own) if (isSecretKey(one)) sent.push(one)
    say.apply(this, args)
  })
  await using provider = await pool({ engine: traces, workers: 2 })
  const { secrets } = provider
  if (secrets === undefined) throw new Error("it gives no keys away")
  // Exported by the one that made it, imported by the other.
  const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
  const spread = await kept(provider, key)
  expect(spread.left).toBe(0)
  expect([spread.arrays, sent.length]).toEqual([2, 1])

  const passphrase = utf8.encode("a passphrase")
  const open = await secrets.export(key, { passphrase: "none" })
  const locked = await secrets.export(key, { passphrase })
  await provider.importSecret(locked, { passphrase })
  const sealed = await secrets.encryptWithPassword(open, { password: "a password" })
  expect(await secrets.decryptWithPassword(sealed, { password: "a password" })).toEqual(open)
  // What is the caller's stays.
  expect([open, locked].map(isSecretKey)).toEqual([true, true])
  expect(new TextDecoder().decode(passphrase)).toBe("a passphrase")

  const { arrays, left } = await kept(provider, key)
  expect(arrays).toBeGreaterThanOrEqual(6)
  expect(left).toBe(0)
  expect(sent.length).toBe(4)
  expect(sent.map(bytesLeft)).toEqual([0, 0, 0, 0])
})
