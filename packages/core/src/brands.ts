/**
 * A string that only one function makes. The brand is an optional property with a string key, so that two copies of
 * this package in one process stay compatible.
 */
export type Brand<T, B extends string> = T & { readonly "~aurochs"?: B }

/** `local@domain`, prepared by RFC 7622, never with a resource. Made by {@link bareJid}. */
export type BareJid = Brand<string, "BareJid">

/** `local@domain/resource`, prepared by RFC 7622. Made by {@link fullJid}. */
export type FullJid = Brand<string, "FullJid">

/** The fingerprint of a primary key as upper-case hex without spaces: 40 digits (v4) or 64 (v6). Made by {@link fingerprint}. */
export type Fingerprint = Brand<string, "Fingerprint">
