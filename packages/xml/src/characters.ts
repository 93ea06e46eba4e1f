import { badXml } from "./limits.ts"

const START =
  "A-Z_a-z\\u{c0}-\\u{d6}\\u{d8}-\\u{f6}\\u{f8}-\\u{2ff}\\u{370}-\\u{37d}\\u{37f}-\\u{1fff}\\u{200c}-\\u{200d}" +
  "\\u{2070}-\\u{218f}\\u{2c00}-\\u{2fef}\\u{3001}-\\u{d7ff}\\u{f900}-\\u{fdcf}\\u{fdf0}-\\u{fffd}\\u{10000}-\\u{effff}"

/** Namespaces in XML 1.0 §3: a name without colon. */
const NCNAME = new RegExp(`^[${START}][${START}\\-.0-9\\u{b7}\\u{300}-\\u{36f}\\u{203f}-\\u{2040}]*$`, "u")

/** Most names. */
const ASCII_NAME = /^[A-Za-z_][\w.-]*$/

/** Neither in need of escaping nor outside of XML, but for half surrogate pairs and the end of `]]>`. */
const NOT_ORDINARY = /[^\t\n\x20-%'-;=-\ufffd]/
/** The same in an attribute's value between apostrophes. */
const NOT_ORDINARY_VALUE = /[^\x20-%(-;=-\ufffd]/

/** Everything XML 1.0 §2.2 does not allow; half surrogate pairs, too. */
const NOT_A_CHARACTER = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u

/** Refuses what is no local name: saxes lets `a:1b` pass, which cannot be written as `1b`. */
export function checkName(name: string): void {
  if (!ASCII_NAME.test(name) && !NCNAME.test(name)) throw badXml("a malformed name")
}

/** Refuses a namespace name that other software would read as another one, or that cannot be declared. */
export function checkNamespace(name: string): void {
  if (name !== name.trim()) throw badXml("a namespace name with white space around it")
  if (name === "http://www.w3.org/XML/1998/namespace" || name === "http://www.w3.org/2000/xmlns/")
    throw badXml("an element in a namespace that is reserved")
}

/** Text between tags. `>` is escaped only where it would end `]]>`, so that writing does not lengthen what was read. */
export function escapeText(text: string): string {
  if (!NOT_ORDINARY.test(text) && !text.includes("]]>") && text.isWellFormed()) return text
  if (NOT_A_CHARACTER.test(text)) throw badXml("a character that XML does not have")
  return text.replace(/[&<\r]|(?<=\]\])>/g, escaped)
}

/** An attribute's value with its quotes: those that need less escaping. */
export function quote(text: string): string {
  if (!NOT_ORDINARY_VALUE.test(text) && text.isWellFormed()) return `'${text}'`
  if (NOT_A_CHARACTER.test(text)) throw badXml("a character that XML does not have")
  const mark = text.split("'").length <= text.split('"').length ? "'" : '"'
  const special = mark === "'" ? /[&<'\t\n\r]/g : /[&<"\t\n\r]/g
  return `${mark}${text.replace(special, escaped)}${mark}`
}

function escaped(character: string): string {
  if (character === "&") return "&amp;"
  if (character === "<") return "&lt;"
  if (character === ">") return "&gt;"
  return `&#${character.charCodeAt(0)};`
}

/** The length in UTF-8 bytes, without making them. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    // A surrogate pair is two units and four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return bytes
}

/** Nothing but the white space of XML 1.0 §2.3, which is less than JavaScript's. */
export function isWhiteSpace(text: string): boolean {
  return /^[\t\n\r ]*$/.test(text)
}
