import { chmod, mkdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { configuration } from "./errors.ts"

/** A Unix socket's path with the byte that ends it: Linux has 108, others 104. */
const MAX_SOCKET_PATH_BYTES = process.platform === "linux" ? 107 : 103

/** The longest name that the agent gives a socket. */
const LONGEST_SOCKET = "S.gpg-agent.browser"

/**
 * Makes sure of the homedir: ours, and nobody else may look into it.
 *
 * @throws {AurochsError} `CONFIGURATION` (`homedir`)
 */
export async function prepareHome(path: string): Promise<void> {
  try {
    if ((await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined) await chmod(path, 0o700)
  } catch {
    throw configuration("homedir", "it is not there and cannot be made")
  }
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() !== true) throw configuration("homedir", "it is no folder")
  if (process.getuid === undefined) return
  if (found.uid !== process.getuid()) throw configuration("homedir", "it belongs to another user")
  if ((found.mode & 0o077) !== 0) throw configuration("homedir", "others have access to it: chmod 700 is needed")
}

/**
 * @param folder where the agent's sockets are
 * @throws {AurochsError} `CONFIGURATION` (`homedir`) if the agent could not listen there
 */
export function checkSocketFolder(folder: string): void {
  if (Buffer.byteLength(join(folder, LONGEST_SOCKET)) <= MAX_SOCKET_PATH_BYTES) return
  const atMost = MAX_SOCKET_PATH_BYTES - LONGEST_SOCKET.length - 1
  throw configuration("homedir", `its path is too long for the agent's sockets: at most ${atMost} bytes`)
}
