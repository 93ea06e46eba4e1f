import type { Inbound } from "./stream-management.ts"

/** What one session found no room for. */
export interface Backlog {
  readonly signal: AbortSignal
  /** By their ids in the archive, what the server may forget once they are kept. */
  readonly missed: Map<string, readonly Inbound[]>
  /** Those of this id are somebody else's to tell from here on. */
  take(archiveId: string | undefined): readonly Inbound[]
  /** The archive is being read, or will be when there is room. */
  isRead: boolean
  /** It has to be read once more. */
  isAsked: boolean
}

/** @param signal ends with the session */
export function backlogOf(signal: AbortSignal): Backlog {
  const missed = new Map<string, readonly Inbound[]>()
  return {
    signal,
    missed,
    take(archiveId) {
      const taken = archiveId === undefined ? undefined : missed.get(archiveId)
      if (archiveId !== undefined) missed.delete(archiveId)
      return taken ?? []
    },
    isRead: false,
    isAsked: false,
  }
}
