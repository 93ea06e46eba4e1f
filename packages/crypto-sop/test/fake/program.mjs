// A program that misbehaves as it is told: it stands for a foreign program. Its orders are JSON in the environment:
// { log, <subcommand>: { output, error, exitCode, write: { option: text }, endless, sleepMs, child, run, drop } }
import { spawn, spawnSync } from "node:child_process"
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

const { log, ...orders } = JSON.parse(process.env.FAKE_ORDERS ?? "{}")
const args = process.argv.slice(2)
const [subcommand] = args
const order = (args.some((one) => one.startsWith("--session-key-out")) && orders.told) || orders[subcommand] || {}
const say = (what) => log && appendFileSync(log, `${JSON.stringify(what)}\n`)
const mode = (file) => (statSync(file).mode & 0o777).toString(8)
const child = order.child ? spawn("sleep", ["60"], { stdio: "inherit" }) : undefined
const files = Object.fromEntries(readdirSync(".").map((name) => [name, mode(name)]))
say({
  event: "start",
  pid: process.pid,
  child: child?.pid,
  args,
  env: process.env,
  cwd: process.cwd(),
  folder: mode("."),
  files,
})
if (order.quote) process.stderr.write(readFileSync(args.at(-1)).toString("latin1"))
for (const [option, text] of Object.entries(order.write ?? {})) {
  const file = args.find((one) => one.startsWith(`${option}=`))?.slice(option.length + 1)
  if (file) writeFileSync(file, text)
}
if (order.sleepMs) await sleep(order.sleepMs)
if (order.endless) for (;;) writeSync(1, "x".repeat(65_536))
if (order.run) {
  const kept = args.filter((one) => !(order.drop ?? []).some((end) => one.endsWith(end)))
  const done = spawnSync(order.run, [...kept, ...(order.add ?? [])], { input: readFileSync(0) })
  process.stdout.write(done.stdout)
  process.exitCode = done.status ?? 1
} else {
  process.stdout.write(order.output ?? "")
  process.exitCode = order.exitCode ?? 0
}
say({ event: "end", pid: process.pid })
