type Skips = Readonly<Record<string, string>>

const NO_CLOCK = "programs have the machine's clock and can be given no other: sealing at another moment is UNSUPPORTED"
const NO_KEY_NO_REASON =
  "it tells no session key of such a message, so that it is CANNOT_DECRYPT (damaged), not BAD_DATA"
/** Why a program is not tried with everything in each run. */
export const ONE_PROGRAM =
  "all cases run with sqop; with every program they do in npm run backends (AUROCHS_ALL_BACKENDS=1)"

/** What no program can do. */
const everywhere: Skips = {
  "now decides: the signature carries it, and a key is unusable before it was made": NO_CLOCK,
  "a clock that is five minutes behind can still use a brand-new key": NO_CLOCK,
  "adopt: the secret key takes over what its certificate says, and is exported with it": NO_CLOCK,
  "now in the past: what has expired since is encrypted to, and signs, as it was then": NO_CLOCK,
  "now in the past: what was retired since is encrypted to, and signs, as it was then": NO_CLOCK,
  "now in the future: the signature is of then, and does not count before (A22)": NO_CLOCK,
}

const malformed: Skips = {
  "A27: two texts inside one message, and text beside compressed text, are BAD_DATA": NO_KEY_NO_REASON,
}

const sqop: Skips = {
  ...malformed,
  "a one-pass signature without its signature is BAD_DATA": NO_KEY_NO_REASON,
}

const FORGED_AMONG_TWO = "it tells no session key of a message that has a forged signature beside a good one"

const each: Readonly<Record<string, Skips>> = {
  sqop,
  "newer sqop": sqop,
  "newer gosop": {
    ...sqop,
    "A25: the text that is returned is the one the signatures were checked over": FORGED_AMONG_TWO,
    "A26: two signatures, one over another text: each has its own verdict": FORGED_AMONG_TWO,
    "R15 R16: with its session key each message has the same text and verdicts as with the secret key":
      FORGED_AMONG_TWO,
  },
  "newer rsop": {
    ...sqop,
    "ZIP, ZLIB and BZIP2 are read within the limits": "it knows no BZIP2, and tells no session key then",
    "A16: 48 MiB from 48 KiB, or from 300 bytes, are refused in bounded time": NO_KEY_NO_REASON,
    "a secret key without its primary part still decrypts, and does not sign": "it reads no such key",
  },
  gosop: {
    "renew: the new end holds, the fingerprint stays, and old messages still count":
      "it does not use a key whose newest self-signature is of tomorrow",
    "encryption to an RSA primary key that signs too is read": "it decrypts with subkeys only",
  },
  "pgpainless-cli": {
    ...malformed,
    "A16: limits of a call are held: bytes of the message, bytes of the text, packets":
      "it compresses, so that what it sealed is smaller than the limit of the case",
    "A21: an expired key still opens what was sent to it":
      "it does not decrypt with a key that has expired: CANNOT_DECRYPT, until the key is renewed",
  },
}

/** What every program is tried with in each run. */
export const quick: readonly string[] = [
  "R3 I7: signcrypt to two recipients: each reads the same bytes under one valid signature",
  "R15: a good message of another engine is valid, with its signer and the time of signing",
  "R15 A25: another text under a real signature is invalid",
  "R3 A3: an unsigned message has no verdict at all",
  "an aborted signal ends every call with ABORTED",
]

/** The cases of the suite that a program is not run with, each with its reason. */
export function skips(program: string): Skips {
  return { ...everywhere, ...each[program] }
}
