import type { XmlElement } from "@aurochs/core"

const MAX_NOTES = 16
const MAX_NAME_LENGTH = 100

/** Collects what was odd about one message; bounded, because a stranger chooses how much there is. */
export interface Notes {
  /** Adds one; the same again, or one too many, is not kept. */
  add(text: string): void
  readonly all: readonly string[]
}

/** An empty collection. */
export function notes(): Notes {
  const all: string[] = []
  return {
    all,
    add(text) {
      if (all.length < MAX_NOTES && !all.includes(text)) all.push(text)
    },
  }
}

/**
 * An element's name for a note, as `{namespace}name`. The sender chose both: they are cut to 100 characters and
 * reduced to printable ASCII, so that a log line stays one line.
 */
export function nameFor(element: Pick<XmlElement, "name" | "namespace">): string {
  return `{${plain(element.namespace)}}${plain(element.name)}`
}

function plain(text: string): string {
  return text.slice(0, MAX_NAME_LENGTH).replace(/[^\x21-\x7e]/g, "?")
}
