/** A list of calls that is shown, and the latest page of it. */
import type { Call } from "../api/types";

/**
 * The list with its latest calls as they are now. What was loaded below them (`extended`) stays, unless so many calls have
 * come that the two no longer meet: then the list begins anew.
 */
export function renewed(shown: readonly Call[], latest: readonly Call[], extended: boolean): { calls: Call[]; extended: boolean } {
  const ids = new Set(latest.map((one) => one.call_id));
  const last = latest.at(-1);
  if (!extended || last === undefined || !shown.some((one) => ids.has(one.call_id))) return { calls: [...latest], extended: false };
  return { calls: [...latest, ...shown.filter((one) => one.arrived_at <= last.arrived_at && !ids.has(one.call_id))], extended: true };
}
