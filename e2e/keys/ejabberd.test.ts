import { ejabberdPrograms, startEjabberd } from "../rig/ejabberd.ts"
import { needs } from "../rig/needs.ts"
import { backupOnServer } from "./backup-on-server.ts"
import { PEP_USERS, pepOnServer } from "./pep-on-server.ts"

const ejabberd = needs({
  name: "ejabberd",
  programs: ejabberdPrograms,
  start: (programs, folder) => startEjabberd(programs, folder, PEP_USERS),
})

pepOnServer("ejabberd", () => ejabberd.it.service)
backupOnServer("ejabberd", () => ejabberd.it.service)
