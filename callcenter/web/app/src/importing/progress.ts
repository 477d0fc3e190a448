/** How fast an import goes on, from two looks at it. Pure. */

export interface Look {
  at: number;
  done: number;
}
/** Rows a second between the first and the last look; 0 when nothing is known yet. */
export function rate(looks: readonly Look[]): number {
  const [first, last] = [looks[0], looks[looks.length - 1]];
  if (first === undefined || last === undefined || last.at <= first.at) return 0;
  return Math.max(0, ((last.done - first.done) * 1000) / (last.at - first.at));
}
/** Seconds until all rows are done; null when nobody can say. */
export function remaining(total: number, done: number, perSecond: number): number | null {
  return perSecond <= 0 ? null : Math.max(0, Math.ceil((total - done) / perSecond));
}
/** The last few looks, of one piece of work: rows that are fewer than before are of another. */
export function looked(looks: readonly Look[], now: Look, kept = 8): Look[] {
  const last = looks[looks.length - 1];
  return last !== undefined && now.done < last.done ? [now] : [...looks, now].slice(-kept);
}
