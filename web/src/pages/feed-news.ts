/** What the topic `feed` says, beside what the page shows. No socket and no page in here. */

export interface Entry {
  id: string;
}

/**
 * A snapshot of the feed (its newest posts, newest first) beside the posts on the page: which ones
 * are new, and which ones are gone. What stands on the page below the last post of the snapshot is
 * older than what it tells about, unless it tells of everything.
 */
export function compare(
  snapshot: Entry[],
  shown: Entry[],
  pageSize: number,
): { fresh: string[]; gone: string[] } {
  const told = new Set(snapshot.map(({ id }) => id));
  const known = new Set(shown.map(({ id }) => id));
  const lastTold = shown.findLastIndex(({ id }) => told.has(id));
  const isAll = snapshot.length < pageSize;
  const covered = isAll ? shown : shown.slice(0, lastTold + 1);
  const lastKnown = snapshot.findLastIndex(({ id }) => known.has(id));
  // Below the last post that both have, the snapshot goes on with what was not loaded yet.
  const above = lastKnown < 0 ? snapshot : snapshot.slice(0, lastKnown);
  return {
    fresh: above.map(({ id }) => id).filter((id) => !known.has(id)),
    gone: covered.map(({ id }) => id).filter((id) => !told.has(id)),
  };
}
