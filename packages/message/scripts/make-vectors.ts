import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { bareJid } from "@aurochs/core"
import { serializeXml } from "@aurochs/xml"
import * as pgp from "openpgp"
import { attackCases } from "../test/support/attack-cases.ts"
import { makePeople, names, type People, type PersonName } from "../test/support/attack-setting.ts"
import { config, type Person } from "../test/support/forge.ts"

// Writes vectors/attacks/. Run it with `node packages/message/scripts/make-vectors.ts`. The keys there are used again;
// with `--new-keys` they are made anew. The ciphertexts differ each time, what they mean does not.

const folder = new URL("../../../vectors/attacks/", import.meta.url)

async function savedPeople(): Promise<People> {
  const people: Partial<Record<PersonName, Person>> = {}
  for (const name of names) {
    const binaryKey = new Uint8Array(await readFile(new URL(`keys/${name}.sec.pgp`, folder)))
    const certificate = new Uint8Array(await readFile(new URL(`keys/${name}.pub.pgp`, folder)))
    const jid = bareJid(`${name.replace(/-.*/, "")}@ox.test`)
    people[name] = { jid, key: await pgp.readPrivateKey({ binaryKey, config }), certificate }
  }
  return people as People
}

async function newPeople(): Promise<People> {
  const people = await makePeople()
  await mkdir(new URL("keys/", folder), { recursive: true })
  for (const name of names) {
    await writeFile(new URL(`keys/${name}.sec.pgp`, folder), people[name].key.write())
    await writeFile(new URL(`keys/${name}.pub.pgp`, folder), people[name].certificate)
  }
  return people
}

const people = process.argv.includes("--new-keys") ? await newPeople() : await savedPeople()
for (const { attack, name, what, stanza, setting, expect } of await attackCases(people)) {
  const own = new URL(`${attack}-${name}/`, folder)
  await rm(own, { recursive: true, force: true })
  await mkdir(own, { recursive: true })
  await writeFile(new URL("stanza.xml", own), `${serializeXml(stanza)}\n`)
  await writeFile(new URL("expect.json", own), `${JSON.stringify({ attack, what, ...setting, expect }, null, 2)}\n`)
}
