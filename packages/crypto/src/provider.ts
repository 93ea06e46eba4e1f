import type { CallOptions, Certificate, Fingerprint } from "@aurochs/core"
import type { At } from "./at.ts"
import type { CertificateInfo, SecretKey } from "./certificate.ts"
import type { KeyFacts } from "./key-facts.ts"
import type { Limits } from "./limits.ts"
import type { SessionKeyOptions } from "./session-key.ts"
import type { Opened } from "./verdict.ts"

/** What a new key is made from. */
export interface KeySpec {
  /** Exactly one, verbatim: `xmpp:` + bare JID. */
  readonly userId: string
  /** 4 by default: most peers run GnuPG 2.2, which reads no other. */
  readonly version?: 4 | 6 | undefined
  /** Milliseconds from creation; never by default. */
  readonly expiresInMs?: number | undefined
}

/** A new key and, where the engine makes one, its revocation certificate, to be kept apart. */
export interface Generated {
  readonly key: SecretKey
  readonly revocation?: Uint8Array | undefined
}

/**
 * An OpenPGP engine. Every input and output is binary. A bad signature is a verdict, never an exception; an exception
 * means that the question could not be put: `BAD_DATA`, `CANNOT_DECRYPT`, `KEY_LOCKED`, `NO_USABLE_KEY`, `UNSUPPORTED`,
 * `BACKEND`, `ABORTED`.
 */
export interface CryptoProvider {
  /** Short and stable, e.g. `openpgpjs`. */
  readonly name: string
  /**
   * `valid-only`: reports good signatures; cannot tell an unknown key from a forgery, nor that there are more signatures
   * beside the good ones.
   */
  readonly verdicts: "full" | "valid-only"
  /**
   * Reads one certificate and checks its self-signatures.
   *
   * @throws {AurochsError} `BAD_DATA` (`what: "certificate"`, with `limit` if a bound was exceeded)
   */
  inspect(certificate: Uint8Array, options?: CallOptions & At): Promise<CertificateInfo>
  /**
   * The smallest certificate that serves: newest self-signatures only, one User ID, no third-party signatures
   * (XEP-0373 §7.2).
   *
   * @param options.keepUserId verbatim
   * @param options.now signatures from later than this are not the newest yet
   * @param options.keepCertifiedBy certifications by these certificates stay, as {@link CryptoProvider.certifiedBy}
   * counts them; an engine without that drops them, too
   * @throws {AurochsError} `BAD_DATA`, also if the User ID is not on it
   */
  minimize(
    certificate: Uint8Array,
    options: CallOptions &
      At & {
        readonly keepUserId: string
        readonly keepCertifiedBy?: readonly Certificate[] | undefined
      },
  ): Promise<Certificate>
  /**
   * The union of two copies of one certificate: newer self-signatures, revocations, subkeys. User IDs that the owner
   * never signed stay out.
   *
   * @param b the second copy, or a revocation certificate as {@link Generated} has it
   * @throws {AurochsError} `BAD_DATA`, also if the primary keys differ
   */
  merge(a: Uint8Array, b: Uint8Array, options?: CallOptions): Promise<Certificate>
  /** A key that the engine itself holds (agent, card); engines that hold none always answer undefined. */
  secretKey(fingerprint: Fingerprint, options?: CallOptions): Promise<SecretKey | undefined>
  /**
   * Reads transferable secret keys, one after another (XEP-0373 §5.4).
   *
   * @param options.passphrase UTF-8 bytes, for keys that are protected
   * @throws {AurochsError} `BAD_DATA` (`secret-key`), `KEY_LOCKED` (none given), `CANNOT_DECRYPT` (`bad-passphrase`)
   */
  importSecret(
    secret: Uint8Array,
    options?: CallOptions & { readonly passphrase?: Uint8Array | undefined },
  ): Promise<SecretKey[]>
  /**
   * Makes a key: its primary key signs, a subkey is encrypted to.
   *
   * @throws {AurochsError} `CONFIGURATION` (`userId`, `expiresInMs`), `UNSUPPORTED` (the version)
   */
  generate(spec: KeySpec, options?: CallOptions & At): Promise<Generated>
  /**
   * Signs, then encrypts to every recipient; none is skipped, and none is added: whoever wants to read it later gives
   * a certificate of their own.
   *
   * @throws {AurochsError} `NO_USABLE_KEY` naming each certificate that may not be encrypted to, or the signing key,
   * with `expired`, `revoked`, `weak`, `not-yet-valid`, `no-user-id`, `no-encryption-key` or `no-sign-flag`; `owner` is
   * read from the first one's `xmpp:` User ID and is `unknown@unknown.invalid` if it has none
   */
  signcrypt(
    plaintext: Uint8Array,
    options: CallOptions & At & { readonly recipients: readonly Certificate[]; readonly signWith: SecretKey },
  ): Promise<Uint8Array>
  /**
   * Encrypts without a signature.
   *
   * @throws {AurochsError} as `signcrypt`
   */
  encrypt(
    plaintext: Uint8Array,
    options: CallOptions & At & { readonly recipients: readonly Certificate[] },
  ): Promise<Uint8Array>
  /**
   * Signs without encryption (an inline-signed OpenPGP message).
   *
   * @throws {AurochsError} as `signcrypt`
   */
  sign(plaintext: Uint8Array, options: CallOptions & At & { readonly signWith: SecretKey }): Promise<Uint8Array>
  /**
   * Decrypts and verifies in one reading: `plaintext` is exactly what the signatures were checked over (of a signature
   * over text, RFC 9580 §5.2.1.2, up to the kind of its line endings).
   *
   * A signature is judged at the time it was made: a key that expired, or was retired or superseded, since then still
   * vouches for it. A key that was revoked as compromised, or without a reason, vouches for nothing.
   *
   * `BAD_DATA` is what is not one well-formed, integrity-protected binary message within the limits: armor, several
   * messages, bytes around it. `CANNOT_DECRYPT` is `not-for-us`, or `damaged` where it was for us and does not open.
   *
   * @param options.decryptWith tried in this order; expired and revoked keys decrypt too
   * @param options.verifyWith the only certificates whose signatures can be `valid`
   * @throws {AurochsError} `BAD_DATA` (`message`, with `limit`; `certificate` if one of `verifyWith` cannot be read),
   * `CANNOT_DECRYPT`, `UNSUPPORTED`
   */
  open(
    message: Uint8Array,
    options: CallOptions &
      At & {
        readonly decryptWith: readonly SecretKey[]
        readonly verifyWith: readonly Certificate[]
        readonly limits?: Partial<Limits> | undefined
      },
  ): Promise<Opened>
  /**
   * `open` for a message whose session key another engine recovered (GnuPG with a card, a `sop` program): that one
   * decrypts the session key, this one decrypts the text and judges the signatures. Absent where the engine cannot.
   *
   * @throws {AurochsError} as `open`; `CANNOT_DECRYPT` (`damaged`) also for a session key of another message, and
   * `BAD_DATA` for a message that is not encrypted
   */
  openWithSessionKey?(message: Uint8Array, options: SessionKeyOptions): Promise<Opened>
  /**
   * Which of these certificates have certified a User ID of this one (RFC 9580 §5.2.1.4). A certification counts as of
   * the time it was made: also by a key that expired, or was retired or superseded, since then; never by one revoked
   * as compromised, or without a reason. Absent where the engine cannot tell.
   *
   * @param options.by candidates, other keys than this one
   * @param options.userId verbatim; has to be valid on the certificate
   * @returns fingerprints of those that did, in the order of `by`
   * @throws {AurochsError} `BAD_DATA` (`certificate`)
   */
  certifiedBy?(
    certificate: Uint8Array,
    options: CallOptions & At & { readonly by: readonly Certificate[]; readonly userId: string },
  ): Promise<readonly Fingerprint[]>
  /** Absent where the engine cannot. */
  readonly lifecycle?: KeyLifecycle | undefined
  /** For engines that do arithmetic only; absent where the engine does not tell. */
  readonly keyFacts?: KeyFacts | undefined
  /** Absent where secret keys cannot leave the engine (cards). */
  readonly secrets?: SecretTransfer | undefined
}

/** Changes to one's own key; each returns the new certificate. */
export interface KeyLifecycle {
  /**
   * @param options.reason `superseded` and `retired` leave alone what was signed before, `compromised` does not; any
   * other text is a comment on a revocation without a reason, which does not either (RFC 9580 §5.2.3.31)
   */
  revoke(key: SecretKey, options?: CallOptions & At & { readonly reason?: string | undefined }): Promise<Certificate>
  /** @param options.expiresInMs milliseconds from `now`; undefined: never expires. The handle stays usable. */
  renew(key: SecretKey, options?: CallOptions & At & { readonly expiresInMs?: number | undefined }): Promise<SecretKey>
  /**
   * Signs another certificate's User ID.
   *
   * @throws {AurochsError} `BAD_DATA` if the User ID is not on it with a valid self-signature
   */
  certify(
    certificate: Uint8Array,
    options: CallOptions & At & { readonly signWith: SecretKey; readonly userId: string },
  ): Promise<Certificate>
  /**
   * The same secret key with everything that a copy of its certificate says beside it: revocations, certifications,
   * newer self-signatures. Both handles stay usable. Absent where the engine keeps the certificate itself.
   *
   * @throws {AurochsError} `BAD_DATA` (`certificate`), also if it is another key's
   */
  adopt?(key: SecretKey, certificate: Uint8Array, options?: CallOptions): Promise<SecretKey>
}

/** How a secret key leaves its engine (XEP-0373 §5.4). */
export interface SecretTransfer {
  /**
   * @param options.passphrase UTF-8 bytes, or `"none"` for S2K usage octet zero (R41)
   * @returns bytes that nobody else has: wipe them
   */
  export(key: SecretKey, options: CallOptions & { readonly passphrase: Uint8Array | "none" }): Promise<Uint8Array>
  /** @param options.password verbatim, UTF-8 */
  encryptWithPassword(plaintext: Uint8Array, options: CallOptions & { readonly password: string }): Promise<Uint8Array>
  /**
   * @returns bytes that nobody else has
   * @throws {AurochsError} `CANNOT_DECRYPT` (`bad-passphrase`, also for what was altered: a password message does not
   * tell the two apart), `BAD_DATA` with `limit` (S2K cost)
   */
  decryptWithPassword(
    message: Uint8Array,
    options: CallOptions & { readonly password: string; readonly limits?: Partial<Limits> | undefined },
  ): Promise<Uint8Array>
}
