import { exitCodes, setExitCode } from "@aurochs/cli-kit"

/** Standard output while something has to be closed afterwards: its errors do not end the process. */
export interface Output extends Disposable {
  /** `closed`: nobody reads any more (`… | head`), so nothing more has to be looked for. */
  line(text: string): Promise<"written" | "closed">
}

/** Takes standard output over until it is disposed: what ends the process at `EPIPE` would leave a database running. */
export function standardOutput(): Output {
  const { stdout } = process
  const others = stdout.rawListeners("error") as ((error: Error) => void)[]
  let isClosed = false
  const onError = (error: NodeJS.ErrnoException) => {
    isClosed = true
    if (error.code !== "EPIPE") setExitCode(exitCodes.unexpected)
  }
  for (const other of others) stdout.off("error", other)
  stdout.on("error", onError)
  return {
    async line(text) {
      if (isClosed) return "closed"
      return new Promise((resolve) => stdout.write(`${text}\n`, (error) => resolve(error ? "closed" : "written")))
    },
    [Symbol.dispose]() {
      // A stream that failed has nothing more to tell, but may still be about to tell that.
      if (isClosed) return
      stdout.off("error", onError)
      for (const other of others) stdout.on("error", other)
    },
  }
}
