// A smart card and its reader, as gpg-agent sees them: a program in the place of scdaemon that speaks Assuan on its
// standard streams. What is on it is in the JSON file that the environment names: { serial, pin, inserted, hangs, grips, sign, decrypt, log }.
// It computes with Ed25519 and X25519, and only for who has the PIN.
import { createPrivateKey, createPublicKey, diffieHellman, sign } from "node:crypto"
import { appendFileSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"

const card = JSON.parse(readFileSync(process.argv[2], "utf8"))
const out = (line) => process.stdout.write(`${line}\n`)
const source = 6 << 24
const error = { badPin: 87, noCard: 112, unknown: 275, noData: 58 }
const refuse = (code) => out(`ERR ${source | error[code]} ${code}`)
const privateKey = (hex) => createPrivateKey({ key: Buffer.from(hex, "hex"), format: "der", type: "pkcs8" })
const X25519_SPKI = "302a300506032b656e032100"

/** Before the digest stands which one it is. */
const SHA512_BYTES = 64

let data = Buffer.alloc(0)
/** What is done when the PIN is there. */
let waiting

function answer(bytes) {
  const escaped = Buffer.from(bytes)
    .toString("latin1")
    .replace(/[%\r\n]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`)
  process.stdout.write(Buffer.from(`D ${escaped}\nOK\n`, "latin1"))
}

const computations = {
  PKSIGN: () => answer(sign(null, data.subarray(-SHA512_BYTES), privateKey(card.sign))),
  PKDECRYPT: () => {
    const key = Buffer.concat([Buffer.from(X25519_SPKI, "hex"), data.subarray(-32)])
    const publicKey = createPublicKey({ key, format: "der", type: "spki" })
    const shared = diffieHellman({ privateKey: privateKey(card.decrypt), publicKey })
    answer(Buffer.concat([Buffer.of(0x40), shared]))
  },
}

let pin
createInterface({ input: process.stdin }).on("line", (line) => {
  const [command = "", ...args] = line.split(" ")
  appendFileSync(card.log, `${command === "D" ? "D …" : line}\n`)
  if (waiting !== undefined) {
    if (command === "D") pin = line.slice(2).replace(/\0+$/, "")
    else if (command === "END") {
      const work = waiting
      waiting = undefined
      if (pin === card.pin) work()
      else refuse("badPin")
    } else if (command === "CAN") {
      waiting = undefined
      out(`ERR ${source | 99} canceled`)
    }
    return
  }
  if (command === "SETDATA") {
    const [first, hex = first] = args
    data = args[0] === "--append" ? Buffer.concat([data, Buffer.from(hex, "hex")]) : Buffer.from(first, "hex")
    return out("OK")
  }
  if (card.hangs && command !== "OPTION") return
  if (command === "SERIALNO") {
    if (!card.inserted) return refuse("noCard")
    out(`S SERIALNO ${card.serial}`)
    return out("OK")
  }
  if (command === "KEYINFO") {
    if (!card.inserted) return refuse("noCard")
    for (const [grip, id] of Object.entries(card.grips)) {
      if (args.includes("--list") || args.includes(grip)) out(`S KEYINFO ${grip} T ${card.serial} ${id} -`)
    }
    return out("OK")
  }
  if (command === "GETINFO") return args[0] === "version" ? answer("2.2.40") : refuse("noData")
  if (computations[command] !== undefined) {
    if (!card.inserted) return refuse("noCard")
    pin = undefined
    waiting = computations[command]
    return out("INQUIRE NEEDPIN ||Please enter the PIN")
  }
  if (command === "BYE") {
    out("OK")
    process.exit(0)
  }
  out(["OPTION", "RESTART", "RESET", "NOP"].includes(command) ? "OK" : `ERR ${source | error.unknown} unknown`)
})
out("OK a card reader that is a program")
