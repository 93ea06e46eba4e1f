import { chown, mkdir, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Programs, unpackedPrograms } from "@aurochs/debian-programs"
import { eventually, freePort, start } from "./processes.ts"

/** Debian's SKS. */
export const sksPrograms = (): Promise<Programs> => unpackedPrograms({ sks: "sks" })

/** A key server (HKP) of our own on 127.0.0.1, empty. */
export interface Sks {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  stop(): Promise<void>
}

/** @param as the user it runs as; this process's by default. The folder has to be that user's */
export async function startSks(
  programs: Pick<Programs, "path" | "env">,
  folder: string,
  as: { readonly uid?: number; readonly gid?: number } = {},
): Promise<Sks> {
  const port = await freePort()
  for (const sub of ["var/log/sks", "var/lib/sks/DB", "etc/sks", "var/spool/sks", "var/run/sks"]) {
    await mkdir(join(folder, sub), { recursive: true })
  }
  if (as.uid !== undefined) await chownAll(folder, as.uid, as.gid ?? as.uid)
  const config = [
    "hkp_address: 127.0.0.1",
    `hkp_port: ${port}`,
    "recon_address: 127.0.0.1",
    "recon_port: 1",
    "disable_mailsync:",
    "disable_log_diffs:",
  ]
  await writeFile(join(folder, "etc/sks/sksconf"), `${config.join("\n")}\n`)
  const env = { ...process.env, ...programs.env }
  const server = start(programs.path("sks"), ["db", "-basedir", folder], { env, cwd: folder, uid: as.uid, gid: as.gid })
  const url = `http://127.0.0.1:${port}`
  await eventually("SKS answers", async () => {
    if (server.child.exitCode !== null) throw new Error(`SKS ended: ${server.output()}`)
    const answer = await fetch(`${url}/pks/lookup?op=stats`).catch(() => undefined)
    await answer?.body?.cancel()
    return answer === undefined ? undefined : true
  })
  return { url, stop: () => server.stop("SIGKILL") }
}

async function chownAll(folder: string, uid: number, gid: number): Promise<void> {
  await chown(folder, uid, gid)
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), uid, gid)
  }
}
