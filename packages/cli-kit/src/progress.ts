const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

/**
 * Tells on standard error that something is going on, if it takes longer than a moment: a spinner at a terminal, one
 * line elsewhere.
 *
 * @param text what is being done
 * @param work the work itself; its result or error is passed on
 * @param delayMs nothing is shown before this many milliseconds
 */
export async function withProgress<T>(text: string, work: Promise<T>, delayMs = 1_000): Promise<T> {
  const terminal = process.stderr.isTTY === true
  let shown = false
  let frame = 0
  let spinning: NodeJS.Timeout | undefined
  const begin = setTimeout(() => {
    shown = true
    if (!terminal) {
      process.stderr.write(`${text} …\n`)
      return
    }
    spinning = setInterval(() => process.stderr.write(`\r${frames[frame++ % frames.length]} ${text} `), 80)
    spinning.unref()
  }, delayMs)
  try {
    return await work
  } finally {
    clearTimeout(begin)
    if (spinning !== undefined) clearInterval(spinning)
    if (shown && terminal) process.stderr.write("\r\u001b[K")
  }
}
