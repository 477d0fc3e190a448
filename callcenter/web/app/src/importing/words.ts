/** How imports are shown. Pure. */
import type { ImportState } from "../api/importing";

const ORDER = ["new", "filled", "overwritten", "merged", "unchanged", "skipped", "bad", "removed", "restored", "changed", "in_use", "gone"];

/** The counts that are not zero, in the order of a person's interest. */
export function shownCounts(counts: Partial<Record<string, number>>): [string, number][] {
  return ORDER.filter((name) => (counts[name] ?? 0) > 0).map((name) => [name, counts[name] ?? 0]);
}
export const AT_WORK: readonly ImportState[] = ["reading", "checking", "running", "undoing"];

export function toneOf(state: ImportState): string | undefined {
  if (state === "done") return "ready";
  if (state === "failed") return "bad";
  if (state === "stopped") return "pause";
  return AT_WORK.includes(state) ? "call" : undefined;
}
