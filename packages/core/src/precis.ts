/** Full-width and half-width forms to their ordinary ones (RFC 8265 §3.3.2, width mapping). */
function mapWidth(text: string): string {
  return text.replace(/[\u3000\uff01-\uffef]/gu, (c) => c.normalize("NFKC"))
}

/** Letters, digits and marks that PRECIS's IdentifierClass allows (RFC 8264 §4.2), or printable ASCII. */
const IDENTIFIER = /^[\x21-\x7e\p{Ll}\p{Lu}\p{Lo}\p{Lm}\p{Nd}\p{Mn}\p{Mc}\u3007]+$/u
/** Of these, what RFC 8264 takes away again: §9.13 invisible characters, §9.9 old Hangul, §9.6 exceptions. */
const NOT_IDENTIFIER =
  /[\p{Default_Ignorable_Code_Point}\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b]/u
/** Visible characters, the rest of letters, numbers, punctuation, symbols, and spaces: FreeformClass (RFC 8264 §4.3). */
const FREEFORM = /^[\x20-\x7e\p{L}\p{N}\p{M}\p{P}\p{S}\p{Zs}]+$/u
const RTL = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u
const LTR_LETTER =
  /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u

/** Characters whose compatibility form differs are not allowed in an identifier (RFC 8264 §9.17, HasCompat). */
function hasCompatibility(text: string): boolean {
  return text.normalize("NFKC") !== text
}

/**
 * UsernameCaseMapped (RFC 8265 §3.3): width, lower case, NFC, then the rules.
 *
 * @returns undefined if the text may not be a localpart
 */
export function usernameCaseMapped(text: string): string | undefined {
  const mapped = mapWidth(text).toLowerCase().normalize("NFC")
  if (!IDENTIFIER.test(mapped) || NOT_IDENTIFIER.test(mapped)) return undefined
  if (hasCompatibility(mapped) || !directionIsClear(mapped)) return undefined
  return mapped
}

/**
 * OpaqueString (RFC 8265 §4.2): spaces to U+0020, NFC, then the rules. Case and width stay.
 *
 * @returns undefined if the text may not be a resourcepart
 */
export function opaqueString(text: string): string | undefined {
  const mapped = text.replace(/\p{Zs}/gu, " ").normalize("NFC")
  return FREEFORM.test(mapped) ? mapped : undefined
}

/** A narrow reading of the Bidi Rule (RFC 5893 §2): no identifier mixes right-to-left letters with left-to-right ones. */
function directionIsClear(text: string): boolean {
  return !RTL.test(text) || !(LTR_LETTER.test(text) || /^\p{Nd}/u.test(text))
}
