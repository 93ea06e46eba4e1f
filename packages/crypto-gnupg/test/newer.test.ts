import { execFileSync } from "node:child_process"
import { chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readPackets, tag } from "@aurochs/crypto/packets"
import { describe, expect, it } from "vitest"
import { gnupgAvailable } from "../src/index.ts"
import { homes, utf8 } from "./support/homes.ts"
import { missing, program } from "./support/program.ts"

const found = await gnupgAvailable({ program })
const old = found.usable ? /^2\.2\./.test(found.version) && `GnuPG ${found.version} knows no AEAD` : missing

describe(`GnuPG from 2.3 on${old ? `: ${old}` : ""}`, () => {
  const { home, provider } = homes()

  it.skipIf(old)("a homedir whose certificates are with keyboxd is refused", async () => {
    const homedir = await home()
    await writeFile(join(homedir, "common.conf"), "use-keyboxd\n", { mode: 0o600 })
    const call = (await provider({ homedir })).generate({ userId: "xmpp:alice@example.org" })
    await expect(call).rejects.toMatchObject({ code: "CONFIGURATION", details: { field: "homedir" } })
    await expect(call).rejects.toThrow(/keyboxd/)
  })

  it.skipIf(old)("R2: encrypts in the way that everybody reads, also to who announces OCB", async () => {
    const homedir = await home()
    // Debian's does by default what others do only when told.
    const front = join(homedir, "gpg")
    await writeFile(front, `#!/bin/sh\nexec '${program}' --compliance=gnupg "$@"\n`)
    await chmod(front, 0o700)
    const p = await provider({ homedir, program: front })
    const { key } = await p.generate({ userId: "xmpp:alice@example.org" })
    const made = ["--quick-generate-key", "xmpp:ocb@example.org", "future-default", "default", "never"]
    const args = ["--homedir", homedir, "--batch", "--status-fd", "1", "--passphrase", "", ...made]
    const said = execFileSync(front, args, { stdio: ["ignore", "pipe", "ignore"] }).toString()
    const ocb = await p.secretKey(/KEY_CREATED \w ([0-9A-F]{40})/.exec(said)?.[1] ?? "")
    if (ocb === undefined) throw new Error("no key")
    const raw = ["--homedir", homedir, "--batch", "--trust-model=always", "--recipient", ocb.certificate.fingerprint]
    const without = execFileSync(front, [...raw, "--encrypt"], { input: "x", stdio: ["pipe", "pipe", "ignore"] })
    expect(tagsOf(without)).toEqual([tag.publicKeySession, tag.aeadEncrypted])
    const sealed = await p.signcrypt(utf8("x"), { recipients: [ocb.certificate], signWith: key })
    expect(tagsOf(sealed)).toEqual([tag.publicKeySession, tag.encrypted])
    const opened = await p.open(sealed, { decryptWith: [ocb], verifyWith: [key.certificate] })
    expect(opened.signatures).toMatchObject([{ kind: "valid" }])
  })
})

function tagsOf(message: Uint8Array): number[] {
  const packets = readPackets(message, { maxPackets: 10 })
  return typeof packets === "string" ? [] : packets.map((one) => one.tag)
}
