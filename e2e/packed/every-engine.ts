// Runs in a folder with nothing but the installed archives, on whichever Node starts it: loads everything that the
// packages export, then has each engine that is usable here seal an element and open it again.
// Prints what became of it as JSON.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { CryptoProvider } from "@aurochs/crypto"
import { gnupg, gnupgAvailable } from "@aurochs/crypto-gnupg"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"
import { pool } from "@aurochs/crypto-openssl/pool"
import { sop, sopAvailable } from "@aurochs/crypto-sop"
import { parseXml, serializeXml } from "@aurochs/xml"

const scope = join("node_modules", "@aurochs")
const loaded: string[] = []
for (const name of await readdir(scope)) {
  const { exports } = JSON.parse(await readFile(join(scope, name, "package.json"), "utf8"))
  for (const path of Object.keys(exports)) {
    // The suites need a test runner, which is not installed.
    if (name === "conformance") continue
    await import(`@aurochs/${name}${path.slice(1)}`)
    loaded.push(`${name}${path.slice(1)}`)
  }
}

const folder = await mkdtemp(join(tmpdir(), "aurochs-oldest-"))
const certificates = openpgpjs()
const handedOn: string[] = []
const engines: Record<string, CryptoProvider & Partial<AsyncDisposable>> = {
  openpgpjs: certificates,
  openssl: openssl({ fallback: openpgpjs(), onHandedOn: (call) => handedOn.push(call) }),
  pool: await pool({ engine: new URL("./engine.mjs", import.meta.url), workers: 2 }),
}
if ((await gnupgAvailable()).usable) engines.gnupg = gnupg({ homedir: join(folder, "gnupg"), certificates })
if ((await sopAvailable({ program: "sqop" })).usable) engines.sqop = sop({ program: "sqop", certificates })

const opened: Record<string, unknown> = {}
const element = { name: "body", namespace: "jabber:client", attributes: {}, children: ["käse & <wine>"] }
const text = new TextEncoder().encode(serializeXml(element))
for (const [name, engine] of Object.entries(engines)) {
  const alice = (await engine.generate({ userId: "xmpp:alice@ox.test" })).key
  const bob = (await engine.generate({ userId: "xmpp:bob@ox.test" })).key
  const recipients = [bob.certificate, alice.certificate]
  const sealed = await engine.signcrypt(text, { recipients, signWith: alice })
  const { plaintext, signatures } = await engine.open(sealed, { decryptWith: [bob], verifyWith: [alice.certificate] })
  opened[name] = [parseXml(plaintext).children, signatures.map(({ kind }) => kind)]
  await engine[Symbol.asyncDispose]?.()
}
await rm(folder, { recursive: true, force: true })
console.log(JSON.stringify({ node: process.versions.node, loaded, handedOn, opened }))
