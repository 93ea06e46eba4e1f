import { chmod, copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describeKeyDirectory } from "@aurochs/conformance"
import { AurochsError, type BareJid, bareJid } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { refreshKeys } from "@aurochs/keys"
import { type WkdDirectory, type WkdOptions, wkdDirectory } from "@aurochs/keys/wkd"
import { memoryStorage } from "@aurochs/storage"
import { describe, expect, test } from "vitest"
import { gnupg, gnupgPrograms } from "../rig/gnupg.ts"
import { needs } from "../rig/needs.ts"
import { nginxPrograms, startNginx } from "../rig/nginx.ts"
import { collect, makeKey, romeo, standingClock } from "./people.ts"

const ADVANCED = "openpgpkey.ox.test"
const web = needs({
  name: "nginx",
  async programs() {
    const [nginx, gpg] = [await nginxPrograms(), await gnupgPrograms()]
    return { ...nginx, path: (name) => (name.startsWith("gpg") ? gpg : nginx).path(name) }
  },
  async start(programs, folder) {
    const names = [ADVANCED, "ox.test", "direct.test", "openpgpkey.moved.test", "openpgpkey.downgraded.test"]
    const nginx = await startNginx(programs, folder, names, {
      [ADVANCED]: "add_header Cache-Control max-age=600;",
      "openpgpkey.moved.test": `return 302 https://${ADVANCED}$request_uri;`,
      "openpgpkey.downgraded.test": "return 302 http://ox.test$request_uri;",
    })
    const gpg = await gnupg(programs, join(folder, "gpg"))
    return {
      nginx,
      gpg,
      async stop() {
        await gpg.stop()
        await nginx.stop()
      },
    }
  },
})

const provider = openpgpjs()

/** Names that exist in this test, all on our web server. */
const open = (o: Partial<WkdOptions> = {}): WkdDirectory => {
  const { nginx } = web.it
  const names = [ADVANCED, "ox.test", "direct.test", "openpgpkey.moved.test", "openpgpkey.downgraded.test"]
  return wkdDirectory({
    ca: nginx.certificate.ca,
    allowPrivate: ["127.0.0.1"],
    proxy: "none",
    resolve: async (host) => (names.includes(host) ? [{ address: "127.0.0.1", port: nginx.port }] : []),
    ...o,
  })
}

let people = 0
const somebody = (domain = "ox.test") => bareJid(`somebody${++people}@${domain}`)

/** Puts a file where GnuPG says that it belongs. */
async function serve(owner: BareJid, bytes: Uint8Array, method: "advanced" | "direct" = "advanced"): Promise<void> {
  const { nginx, gpg } = web.it
  const [, domain = ""] = owner.split("@")
  const print = await gpg.makeKey(`File name <${owner}>`)
  const hash = await gpg.wkdHash(print, owner)
  expect(hash).toHaveLength(32)
  const below = method === "advanced" ? [`openpgpkey.${domain}`, domain] : [domain, ""]
  const folder = join(nginx.folderOf(below[0] ?? ""), ".well-known/openpgpkey", below[1] ?? "", "hu")
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, hash), bytes)
}

const joined = (certificates: readonly CertificateInfo[]) =>
  new Uint8Array(Buffer.concat(certificates.map((c) => c.bytes)))
const lookup = (owner: BareJid, directory = open()) => collect(directory.lookup({ owner }))

describeKeyDirectory(
  "wkd on nginx, files named by GnuPG",
  async () => {
    const owner = somebody()
    return {
      directory: open(),
      owner,
      certificates: [(await makeKey(provider, owner)).small, (await makeKey(provider, owner)).small],
      stock: (certificates: readonly CertificateInfo[]) => serve(owner, joined(certificates)),
      [Symbol.asyncDispose]: async () => {},
    }
  },
  { onlyReads: true },
)

describe("nginx", () => {
  test("several certificates of one address, bound to the domain's web server, for as long as it says", async () => {
    const owner = somebody()
    const keys = [(await makeKey(provider, owner)).small, (await makeKey(provider, owner)).small]
    await serve(owner, joined(keys))
    expect(await lookup(owner)).toEqual(
      keys.map(({ bytes }) => ({ bytes, source: "wkd", binds: "https-domain", expiresInMs: 600_000 })),
    )
  })

  test("an armored file is read too", async () => {
    const owner = somebody()
    const { small } = await makeKey(provider, owner)
    const base64 = Buffer.from(small.bytes).toString("base64")
    const armored = `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${base64}\n-----END PGP PUBLIC KEY BLOCK-----\n`
    await serve(owner, new TextEncoder().encode(armored))
    expect(await lookup(owner)).toMatchObject([{ bytes: small.bytes }])
  })

  test("a page instead of a key is an error, an empty folder is nothing", async () => {
    const owner = somebody()
    await serve(owner, new TextEncoder().encode("<html>hello</html>"))
    await expect(lookup(owner)).rejects.toMatchObject({ code: "BAD_DATA" })
    expect(await lookup(somebody())).toEqual([])
  })

  test("a file that is too long is refused while it comes (A19)", async () => {
    const owner = somebody()
    await serve(owner, new Uint8Array(400_000).fill(0xc6))
    await expect(lookup(owner)).rejects.toMatchObject({ code: "BAD_DATA", details: { limit: "maxBytes" } })
  })

  test("where openpgpkey.DOMAIN exists the direct method is never used, not even when it has nothing", async () => {
    const owner = somebody()
    await serve(owner, (await makeKey(provider, owner)).small.bytes, "direct")
    expect(await lookup(owner)).toEqual([])
  })

  test("where it does not exist the direct method is used", async () => {
    const owner = somebody("direct.test")
    const { small } = await makeKey(provider, owner)
    await serve(owner, small.bytes, "direct")
    expect(await lookup(owner)).toMatchObject([{ bytes: small.bytes }])
  })

  test("where nobody can say whether it exists, or its server is down, nothing is asked of the domain itself", async () => {
    const owner = somebody("direct.test")
    await serve(owner, (await makeKey(provider, owner)).small.bytes, "direct")
    const unknown = open({
      async resolve(host) {
        if (host.startsWith("openpgpkey.")) throw new AurochsError("NETWORK", "no resolver", { phase: "dns" })
        return [{ address: "127.0.0.1", port: web.it.nginx.port }]
      },
    })
    await expect(lookup(owner, unknown)).rejects.toMatchObject({ code: "NETWORK", details: { phase: "dns" } })
    const down = open({ resolve: async () => [{ address: "127.0.0.1", port: 1 }] })
    await expect(lookup(owner, down)).rejects.toMatchObject({ code: "NETWORK", details: { phase: "connect" } })
  })

  test("a redirect over HTTPS is followed, one to HTTP is not (A34)", async () => {
    const owner = somebody("moved.test")
    const { small } = await makeKey(provider, owner)
    await serve(owner, small.bytes)
    const { nginx } = web.it
    const there = join(nginx.folderOf(ADVANCED), ".well-known/openpgpkey/moved.test/hu")
    await mkdir(there, { recursive: true })
    const here = join(nginx.folderOf("openpgpkey.moved.test"), ".well-known/openpgpkey/moved.test/hu")
    for (const file of await readdir(here)) await copyFile(join(here, file), join(there, file))
    expect(await lookup(owner)).toMatchObject([{ bytes: small.bytes }])
    await expect(lookup(somebody("downgraded.test"))).rejects.toMatchObject({ code: "HTTP" })
  })

  test("a certificate of an authority that is not trusted, or for another name, ends it", async () => {
    const owner = somebody()
    await serve(owner, (await makeKey(provider, owner)).small.bytes)
    const { nginx } = web.it
    const resolve = async () => [{ address: "127.0.0.1", port: nginx.port }]
    const strangers = wkdDirectory({ allowPrivate: ["127.0.0.1"], proxy: "none", resolve })
    await expect(lookup(owner, strangers)).rejects.toMatchObject({ code: "NETWORK", details: { phase: "tls" } })
    await expect(lookup(somebody("other.test"), open({ resolve }))).rejects.toMatchObject({ details: { phase: "tls" } })
  })

  test("a private address is not connected to unless it was named (A34)", async () => {
    await expect(lookup(somebody(), open({ allowPrivate: [] }))).rejects.toMatchObject({
      details: { phase: "connect" },
    })
  })
})

describe("the policy file (draft §4.5)", () => {
  const policyFile = () => join(web.it.nginx.folderOf("direct.test"), ".well-known/openpgpkey/policy")

  test("dane-only: the domain runs no directory, so what lies there is not found; other flags change nothing", async () => {
    const owner = somebody("direct.test")
    const { small } = await makeKey(provider, owner)
    await serve(owner, small.bytes, "direct")
    await writeFile(policyFile(), "# ours\nmailbox-only\nauth-submit\n")
    expect(await lookup(owner)).toMatchObject([{ bytes: small.bytes }])
    expect(await open().policy("direct.test")).toMatchObject({ mailboxOnly: true, authSubmit: true, daneOnly: false })
    await writeFile(policyFile(), "dane-only\n")
    expect(await lookup(owner)).toEqual([])
    await writeFile(policyFile(), `<html>${"not found ".repeat(5_000)}</html>`)
    expect(await lookup(owner)).toMatchObject([{ bytes: small.bytes }])
    await rm(policyFile())
    expect(await lookup(owner)).toMatchObject([{ bytes: small.bytes }])
  })
})

describe("GnuPG's tools", () => {
  test("what gpg-wks-server installs is found where it put it, with its policy file", async () => {
    const { nginx, gpg } = web.it
    const owner = somebody()
    const folder = join(nginx.folderOf(ADVANCED), ".well-known/openpgpkey")
    await mkdir(join(folder, "ox.test"), { recursive: true })
    await chmod(folder, 0o700)
    const print = await gpg.makeKey(`${owner}`, `xmpp:${owner}`)
    const { code, stderr } = await gpg.installKey(folder, print, owner)
    expect([code, stderr]).toEqual([0, expect.stringContaining("published")])
    const [found] = await lookup(owner)
    const info = await provider.inspect(found && "bytes" in found ? found.bytes : new Uint8Array())
    expect(info.fingerprint).toBe(print)
    expect(await open().policy("ox.test")).toMatchObject({ mailboxOnly: false, daneOnly: false })
    expect(await open().policy("direct.test")).toBeUndefined()
  })

  test("but it takes the xmpp: User ID off, so the key never becomes a contact's (R17)", async () => {
    const { nginx, gpg } = web.it
    const owner = somebody()
    const folder = join(nginx.folderOf(ADVANCED), ".well-known/openpgpkey")
    await mkdir(join(folder, "ox.test"), { recursive: true })
    await chmod(folder, 0o700)
    const print = await gpg.makeKey(`${owner}`, `xmpp:${owner}`)
    await gpg.installKey(folder, print, owner)
    const { keys, audit } = memoryStorage()
    const base = { owner, keys, audit, provider, account: romeo, clock: standingClock("2100-01-01T00:00:00Z") }
    const { known, refused } = await refreshKeys({ ...base, directory: open() })
    expect(known).toEqual([])
    expect(refused).toMatchObject([{ fingerprint: print, source: "wkd", because: "no-user-id" }])
    // The whole certificate, put there by hand under the same name, is a candidate.
    await serve(owner, await gpg.exportKey(print))
    expect((await refreshKeys({ ...base, directory: open() })).known).toMatchObject([
      { fingerprint: print, binds: "https-domain", announced: false },
    ])
  })
})
