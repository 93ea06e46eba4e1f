import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Programs } from "@aurochs/debian-programs"
import { runOrThrow } from "./processes.ts"

/** A certificate of a test authority. */
export interface ServerCertificate {
  /** PEM of the authority. */
  readonly ca: string
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** Makes an authority and one certificate of it for these names. */
export async function serverCertificate(
  programs: Programs,
  folder: string,
  names: readonly string[],
): Promise<ServerCertificate> {
  const file = (name: string) => join(folder, name)
  const openssl = (...args: readonly string[]) => runOrThrow(programs.path("openssl"), args)
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  const authority = ["-days", "30", "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE"]
  await openssl("req", "-x509", ...curve, ...authority, "-keyout", file("ca.key"), "-out", file("ca.crt"))
  await openssl("req", "-new", ...curve, "-subj", "/CN=test", "-keyout", file("tls.key"), "-out", file("tls.csr"))
  await writeFile(file("names"), `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}\n`)
  const signing = ["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "30"]
  await openssl("x509", "-req", "-in", file("tls.csr"), ...signing, "-extfile", file("names"), "-out", file("tls.crt"))
  const ca = await readFile(file("ca.crt"), "utf8")
  return { ca, caFile: file("ca.crt"), certFile: file("tls.crt"), keyFile: file("tls.key") }
}
