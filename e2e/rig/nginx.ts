import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { debianPrograms, type Programs, unpackedPrograms } from "@aurochs/debian-programs"
import { type ServerCertificate, serverCertificate } from "./authority.ts"
import { eventually, freePort, start } from "./processes.ts"

/** Debian's nginx, unpacked, and openssl. */
export async function nginxPrograms(): Promise<Programs> {
  const [nginx, openssl] = [await unpackedPrograms({ nginx: "nginx" }), await debianPrograms({ openssl: "openssl" })]
  return { ...nginx, path: (name) => (name === "nginx" ? nginx : openssl).path(name) }
}

/** A web server of our own on 127.0.0.1, with TLS under names of a test authority. */
export interface Nginx {
  readonly port: number
  readonly certificate: ServerCertificate
  /** The files of a name; whatever is put there is served. */
  folderOf(name: string): string
  stop(): Promise<void>
}

/**
 * @param names server names, each with a folder of its own
 * @param extra more directives for a name, e.g. `return 302 …;`
 */
export async function startNginx(
  programs: Programs,
  folder: string,
  names: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<Nginx> {
  const port = await freePort()
  const certificate = await serverCertificate(programs, folder, names)
  const folderOf = (name: string) => join(folder, "www", name)
  for (const name of names) await mkdir(folderOf(name), { recursive: true })
  await mkdir(join(folder, "tmp"))
  const servers = names.map(
    (name) => `  server {
    listen 127.0.0.1:${port} ssl;
    server_name ${name};
    root ${folderOf(name)};
    ${extra[name] ?? ""}
  }`,
  )
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (what) => `  ${what}_temp_path ${join(folder, "tmp", what)};`,
  )
  const user = process.getuid?.() === 0 ? "user root;\n" : ""
  const config = `# written by e2e/rig/nginx.ts
${user}daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log stderr;
events {}
http {
  access_log ${join(folder, "access.log")};
  default_type application/octet-stream;
  ssl_certificate ${certificate.certFile};
  ssl_certificate_key ${certificate.keyFile};
${temporary.join("\n")}
${servers.join("\n")}
}
`
  await writeFile(join(folder, "nginx.conf"), config)
  const env = { ...process.env, ...programs.env }
  const args = ["-c", join(folder, "nginx.conf"), "-p", folder, "-e", "stderr"]
  const server = start(programs.path("nginx"), args, { env })
  await eventually("nginx listens", async () => {
    if (server.child.exitCode !== null) throw new Error(`nginx ended: ${server.output()}`)
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
    await answer?.body?.cancel()
    return answer === undefined ? undefined : true
  })
  return { port, certificate, folderOf, stop: () => server.stop("SIGQUIT") }
}
