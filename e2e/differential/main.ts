// `npm run differential [-- --count 100000] [-- --seed 1] [-- --sample 2000] [-- --write]`: opens generated and altered
// messages with crypto-openssl and with OpenPGP.js, a sample of them with gpg and sqop too, and says where they differ.
// `--write` keeps the figures in vectors/differential/figures.json.
import { mkdir, writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { runDifferential } from "./run.ts"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "2000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    sample: { type: "string", default: "60" },
    write: { type: "boolean", default: false },
  },
})
const [count, seed, sample] = [values.count, values.seed, values.sample].map(Number)
if (count === undefined || seed === undefined || sample === undefined) throw new Error("numbers are needed")
console.log(`seed ${seed}`)
const figures = await runDifferential({ count, seed, sample })
const { disagreements, ...counts } = figures
console.log(JSON.stringify({ ...counts, disagreements: disagreements.length }, null, 2))
for (const one of disagreements.slice(0, 20)) console.log(JSON.stringify(one, null, 2))
if (values.write) {
  const file = new URL("../../vectors/differential/figures.json", import.meta.url)
  await mkdir(new URL(".", file), { recursive: true })
  const kept = {
    date: new Date().toISOString().slice(0, 10),
    ...counts,
    versions: [`Node ${process.version}`, `OpenSSL ${process.versions.openssl}`, ...counts.versions],
    disagreements: disagreements.length,
    ...(disagreements.length > 0 && { examples: disagreements.slice(0, 100) }),
  }
  await writeFile(file, `${JSON.stringify(kept, null, 2)}\n`)
}
process.exitCode = disagreements.length > 0 ? 1 : 0
