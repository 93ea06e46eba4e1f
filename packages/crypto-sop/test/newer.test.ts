import { describeCryptoProvider } from "@aurochs/conformance"
import { programsOfRelease } from "@aurochs/debian-programs"
import { describe, expect, test } from "vitest"
import { sop, sopAvailable } from "../src/index.ts"
import { all, first, reader, text, utf8 } from "./programs.ts"
import { ONE_PROGRAM, skips } from "./skips.ts"

// Other versions than those of conformance.test.ts, and another program: those of the next release of Debian.
const programs = { rsop: "rsop", sqop: "sqop", gosop: "gosop" }
const found = await programsOfRelease("trixie", programs).catch((error: Error) => error)
const missing = found instanceof Error ? `the next release of Debian is not here: ${found.message.split("\n")[0]}` : ""

const versions: Record<string, string> = {}
for (const name of Object.keys(programs)) {
  if (found instanceof Error) break
  const available = await sopAvailable({ program: found.path(name) })
  versions[name] = available.usable ? available.version : available.because
}

describe.for(Object.keys(programs))("the next release's %s", (name) => {
  test("is usable, and seals, signs and opens with full verdicts", { timeout: 60_000 }, async ({ skip }) => {
    if (found instanceof Error) return skip(missing)
    const program = found.path(name)
    expect(await sopAvailable({ program })).toMatchObject({ usable: true, sessionKeys: true })
    const p = sop({ program, certificates: reader })
    const [alice, bob] = [
      await p.generate({ userId: "xmpp:a@ox.test" }),
      await p.generate({ userId: "xmpp:b@ox.test" }),
    ]
    const recipients = [alice.key.certificate, bob.key.certificate]
    const signWith = alice.key
    const sealed = await p.signcrypt(utf8("sealed"), { recipients, signWith })
    const signed = await p.sign(utf8("signed"), { signWith })
    for (const [message, plaintext] of [
      [sealed, "sealed"],
      [signed, "signed"],
    ] as const) {
      const opened = await p.open(message, { decryptWith: [bob.key], verifyWith: recipients.slice(0, 1) })
      expect(text(opened.plaintext)).toBe(plaintext)
      expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: first(recipients).fingerprint }])
      const unknown = await p.open(message, { decryptWith: [bob.key], verifyWith: [] })
      expect(unknown.signatures).toMatchObject([{ kind: "unverified", reason: "unknown-key" }])
    }
    const altered = sealed.slice()
    altered[sealed.length - 40] = (sealed.at(-40) ?? 0) ^ 1
    const call = p.open(altered, { decryptWith: [bob.key], verifyWith: recipients })
    await expect(call).rejects.toMatchObject({ code: "CANNOT_DECRYPT", details: { because: "damaged" } })
  })

  if (!(found instanceof Error) && all) {
    const make = () => sop({ program: found.path(name), certificates: reader })
    describeCryptoProvider(`sop:${name} (${versions[name]})`, make, { skip: skips(`newer ${name}`) })
  } else {
    test("the suite", (context) => context.skip(missing || ONE_PROGRAM))
  }
})
