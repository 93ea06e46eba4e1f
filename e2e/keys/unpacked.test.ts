import { chown, cp, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bareJid } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { hkpDirectory } from "@aurochs/keys/hkp"
import { afterAll, beforeAll, expect, test } from "vitest"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { run } from "../rig/processes.ts"
import { type Sks, startSks } from "../rig/sks.ts"
import { makeKey } from "./people.ts"

// Whoever may not install programs gets them unpacked. Where the tests run as root nobody would see that fail, so here it
// is done as the user `nobody`, with a copy of the package that does it, in a folder of that user.

const DIST = fileURLToPath(new URL("../../packages/debian-programs/dist", import.meta.url))
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const provider = openpgpjs()

let folder: string
let sks: Sks | undefined
beforeAll(async () => {
  folder = await temporaryFolder("unpacked")
})
afterAll(async () => {
  await sks?.stop()
  await removeFolder(folder)
})

const CHILD = `import { debianPrograms, unpackedPrograms } from "./packages/debian-programs/dist/index.js"
const all = [await debianPrograms({ sks: "sks" }), await unpackedPrograms({ sks: "sks" })]
console.log(JSON.stringify(all.map((one) => ({ how: one.how, prefix: one.prefix, path: one.path("sks"), env: one.env }))))
`

interface Unpacked {
  readonly how: string
  readonly prefix?: string
  readonly path: string
  readonly env: Record<string, string>
}

test("a user who may not install has the key server unpacked, and it works for that user", {
  timeout: 300_000,
}, async (context) => {
  if (!isRoot) context.skip("whoever runs this is no root: every test with a server shows it")
  await mkdir(join(folder, "home/packages/debian-programs"), { recursive: true })
  await cp(DIST, join(folder, "home/packages/debian-programs/dist"), { recursive: true })
  await writeFile(join(folder, "home/package.json"), '{"type":"module"}')
  await writeFile(join(folder, "home/child.js"), CHILD)
  await chown(join(folder, "home"), NOBODY, NOBODY)
  const as = { uid: NOBODY, gid: NOBODY, timeoutMs: 280_000, cwd: join(folder, "home") }
  if ((await run(process.execPath, ["--version"], as)).code !== 0)
    context.skip("this Node cannot be run by another user")
  const { code, stdout, stderr } = await run(process.execPath, [join(folder, "home/child.js")], as)
  const away = /E: (?:Failed to fetch|Unable to locate|Some index files).*/.exec(stderr)?.[0]
  if (away !== undefined) context.skip(`sks cannot be had: ${away}`)
  expect([code, stderr]).toEqual([0, ""])
  const [asItIs, unpacked] = JSON.parse(stdout) as [Unpacked, Unpacked]
  const prefix = join(folder, "home/.aurochs/debian")
  expect(unpacked).toMatchObject({ how: "unpacked", prefix, path: join(prefix, "usr/sbin/sks") })
  // Installed on this machine, or unpacked there, too; never installed by this user.
  expect(["present", "unpacked"]).toContain(asItIs.how)

  await mkdir(join(folder, "sks"))
  sks = await startSks({ path: () => unpacked.path, env: unpacked.env }, join(folder, "sks"), as)
  const directory = hkpDirectory({ server: sks.url, allowPrivate: ["127.0.0.1"], proxy: "none", upload: true })
  const owner = bareJid("juliet@ox.test")
  const { small } = await makeKey(provider, owner)
  await directory.publish?.(small)
  expect(await Array.fromAsync(directory.lookup({ owner }))).toMatchObject([{ bytes: small.bytes, source: "hkp" }])
})
