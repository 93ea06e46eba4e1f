/** One line on standard output: JSON if asked for, else text for people. */
export function print(json: boolean, value: object, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(value) : text}\n`)
}

/** A remark on standard error: output stays clean. */
export function remark(text: string): void {
  process.stderr.write(`aurochs: ${text}\n`)
}

/** Stops a promise from ending before bytes of a pipe were written. */
export function writeOut(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(data, (error) => (error ? reject(error) : resolve()))
  })
}
