import { bareJid, cryptoRandom, systemClock, type Transport } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { backUpKeys, removeBackup, restoreKeys } from "@aurochs/keys"
import { iq, pubsub, secretKeyNode } from "@aurochs/xml"
import { xmpp } from "@aurochs/xmpp"
import { afterAll, describe, expect, test } from "vitest"
import { makeKey } from "./people.ts"

const provider = openpgpjs()
const owner = bareJid("mercutio@ox.test")

/**
 * Backup and restore (XEP-0373 §5) on a real server.
 *
 * @param service address of the server, which serves `ox.test` with the accounts `mercutio` and `paris`
 */
export function backupOnServer(name: string, service: () => string): void {
  const open: { transport: Transport; running: Promise<unknown> }[] = []
  const stop = new AbortController()
  const connect = (user: string): Transport => {
    const transport = xmpp({ jid: `${user}@ox.test`, password: `pw-${user}`, service: service() })
    const stay = async () => {
      for await (const _ of transport.sessions({ signal: stop.signal }));
    }
    open.push({ transport, running: stay().catch(() => {}) })
    return transport
  }
  afterAll(async () => {
    stop.abort()
    for (const { transport, running } of open) {
      await running
      await transport[Symbol.asyncDispose]()
    }
  })

  describe(`backup on ${name}`, () => {
    test("R36, R38, R39, R40, R43: two keys come back by the code; nobody else sees the node; it is taken away", async () => {
      const [desktop, phone, paris] = [connect("mercutio"), connect("mercutio"), connect("paris")]
      const keys = [(await makeKey(provider, owner)).key, (await makeKey(provider, owner)).key]
      const base = { transport: desktop, provider, keys, random: cryptoRandom(), clock: systemClock(), recreate: false }
      const careful = await backUpKeys({ ...base, unannounced: false })
      // Neither server says that it has the access model, and both have it.
      expect(careful).toEqual({ kind: "refused", because: "no-whitelist" })
      const stored = await backUpKeys({ ...base, unannounced: true })
      if (stored.kind !== "stored") throw new Error(`refused: ${stored.because}`)
      expect(stored.fingerprints).toHaveLength(2)

      const restored = await restoreKeys({ transport: phone, provider, code: stored.code })
      expect(restored).toMatchObject({ kind: "restored", exposed: undefined })
      const prints = restored.kind === "restored" ? restored.keys.map((key) => key.certificate.fingerprint) : []
      expect(prints).toEqual(stored.fingerprints)
      const wrong = restoreKeys({ transport: phone, provider, code: stored.code.replaceAll("-", "") })
      await expect(wrong).rejects.toMatchObject({ code: "CANNOT_DECRYPT" })
      const asked = iq({ type: "get", to: owner }, pubsub.items({ node: secretKeyNode, maxItems: 1 }))
      await expect(paris.request(asked)).rejects.toMatchObject({ code: "STANZA_ERROR" })

      // Somebody else on the list, or another access model: nothing more is stored there, and a restore says so.
      const fields = { "pubsub#access_model": "open" }
      await desktop.request(iq({ type: "set" }, pubsub.configure({ node: secretKeyNode, fields })))
      expect(await backUpKeys({ ...base, unannounced: true })).toMatchObject({
        kind: "refused",
        because: "not-whitelist",
      })
      expect(await restoreKeys({ transport: phone, provider, code: stored.code })).toMatchObject({
        exposed: { because: "not-whitelist" },
      })
      const anew = await backUpKeys({ ...base, unannounced: true, recreate: true })
      expect(anew.kind).toBe("stored")
      await removeBackup({ transport: desktop })
      expect(await restoreKeys({ transport: phone, provider, code: stored.code })).toEqual({ kind: "none" })
    })
  })
}
