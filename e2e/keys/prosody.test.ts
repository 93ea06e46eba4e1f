import { childElement } from "@aurochs/core"
import { debianPrograms } from "@aurochs/debian-programs"
import { iq, publicKeyNode, publicKeysNode, pubsub } from "@aurochs/xml"
import { expect, test } from "vitest"
import { needs } from "../rig/needs.ts"
import { PROSODY_PACKAGES, startProsody } from "../rig/prosody.ts"
import { trustServer } from "../rig/trust-server.ts"
import { backupOnServer } from "./backup-on-server.ts"
import { PEP_USERS, pepOnServer } from "./pep-on-server.ts"

const prosody = needs({
  name: "prosody",
  programs: () => debianPrograms(PROSODY_PACKAGES),
  async start(programs, folder) {
    const server = await startProsody({ folder, programs, users: PEP_USERS })
    trustServer(server)
    return server
  },
})

backupOnServer("Prosody", () => prosody.it.service)
const { emptyDirectory, juliet, certificate } = pepOnServer("Prosody", () => prosody.it.service)

test("Prosody: the node's configuration is what the XEP asks for (R23, R34)", async () => {
  await (await emptyDirectory()).publish(certificate)
  for (const node of [publicKeysNode, publicKeyNode(certificate.fingerprint)]) {
    const answer = await juliet().request(iq({ type: "get" }, pubsub.getConfig(node)))
    const text = JSON.stringify(childElement(answer, "pubsub", "http://jabber.org/protocol/pubsub#owner"))
    expect(text).toMatch(/pubsub#access_model.{1,600}?"value".{1,80}?"open"/)
    expect(text).toMatch(/pubsub#deliver_payloads.{1,200}?"value".{1,80}?"0"/)
  }
})
