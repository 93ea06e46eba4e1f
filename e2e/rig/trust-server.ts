import { readFileSync } from "node:fs"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import type { Prosody } from "./prosody.ts"

/** Makes this process accept the server's certificate, as NODE_EXTRA_CA_CERTS does for another one. */
export function trustServer(prosody: Prosody): void {
  setDefaultCACertificates([...getCACertificates("default"), readFileSync(prosody.caFile, "utf8")])
}
