import { spawn } from "node:child_process"

const modules = {
  storage: new URL("../../src/index.ts", import.meta.url).href,
  lock: new URL("../../src/file/lock.ts", import.meta.url).href,
}

/** Another process that runs a script; `storage` and `lock` are imported, `folder` is its argument. */
export function otherProcess(script: string, folder: string) {
  const head = `
    const storage = await import(${JSON.stringify(modules.storage)})
    const lock = await import(${JSON.stringify(modules.lock)})
    const folder = process.argv[1]
    const account = "juliet@capulet.example", peer = "romeo@montague.example"
    const say = (text) => process.stdout.write(text + "\\n")
  `
  const child = spawn(process.execPath, ["--input-type=module", "-e", head + script, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  let output = ""
  const waiting: (() => void)[] = []
  const wake = () => {
    for (const one of waiting.splice(0)) one()
  }
  child.stdout.on("data", (data: Buffer) => {
    output += data
    wake()
  })
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      resolve(code)
      wake()
    })
  })
  return {
    pid: child.pid ?? 0,
    ended,
    lines: () => output.split("\n").slice(0, -1),
    /** Waits until it has said so many lines, or ended. */
    async said(count: number): Promise<string[]> {
      while (output.split("\n").length <= count && child.exitCode === null && child.signalCode === null)
        await new Promise<void>((resolve) => waiting.push(resolve))
      return output.split("\n").slice(0, -1)
    },
    async kill(): Promise<void> {
      child.kill("SIGKILL")
      await ended
    },
  }
}
