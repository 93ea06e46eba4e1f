import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** A key and its self-signed certificate, PEM. */
export interface TestCertificate {
  readonly key: string
  readonly cert: string
}

/** Makes one for a domain with openssl. */
export async function certificateFor(domain: string): Promise<TestCertificate> {
  const folder = await mkdtemp(join(tmpdir(), "aurochs-xmpp-"))
  try {
    const key = join(folder, "key.pem")
    const cert = join(folder, "cert.pem")
    await promisify(execFile)("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-keyout", key, "-out", cert, "-subj", `/CN=${domain}`, "-addext", `subjectAltName=DNS:${domain}`],
    ])
    return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") }
  } finally {
    await rm(folder, { recursive: true })
  }
}
