/** The roster while it is edited: what stands in each cell, what is not saved yet, totals. Pure. */
import type { CellChange, RosterView, Shift, ShiftKind } from "../api/shifts";
import { plusDays, weekdayOf } from "../configuration/days";
import { WEEKDAYS } from "../api/configuration";

/** What a cell holds that is not saved yet; `was` is the kind it held when it was changed. */
export type Drafts = ReadonlyMap<string, CellChange>;

export const keyOf = (userId: number, day: string): string => `${userId}/${day}`;
export const mondayOf = (day: string): string => plusDays(day, -WEEKDAYS.indexOf(weekdayOf(day)));
export const daysFrom = (first: string, count: number): string[] => Array.from({ length: count }, (_, n) => plusDays(first, n));
export const shiftsByCell = (shifts: readonly Shift[]): Map<string, Shift> => new Map(shifts.map((one) => [keyOf(one.user_id, one.day), one]));
/** First day and number of days of a month (`YYYY-MM`). */
export function monthSpan(month: string): [string, number] {
  const [year, number] = month.split("-").map(Number) as [number, number];
  return [`${month}-01`, new Date(Date.UTC(year, number, 0)).getUTCDate()];
}
export const monthAfter = (month: string): string => plusDays(`${month}-28`, 4).slice(0, 7);

/** The kind in a cell, as it would be once saved; null: nothing. */
export function kindIn(saved: ReadonlyMap<string, Shift>, drafts: Drafts, key: string): number | null {
  const draft = drafts.get(key);
  return draft !== undefined ? draft.kind_id : (saved.get(key)?.kind_id ?? null);
}

/** The drafts with another change of a cell; one that leaves it as it is saved is none. */
export function changed(saved: ReadonlyMap<string, Shift>, drafts: Drafts, cell: { user_id: number; day: string }, kindId: number | null, more: Partial<CellChange> = {}): Map<string, CellChange> {
  const key = keyOf(cell.user_id, cell.day);
  const held = saved.get(key);
  const next = new Map(drafts);
  const same = (held?.kind_id ?? null) === kindId;
  const details = Object.keys(more).length > 0;
  if (same && !details) next.delete(key);
  else {
    const before = drafts.get(key);
    const kept = before !== undefined && before.kind_id === kindId ? before : same && held !== undefined ? { deputy_id: held.deputy_id } : {};
    next.set(key, { ...kept, user_id: cell.user_id, day: cell.day, was: held?.kind_id ?? null, kind_id: kindId, ...more });
  }
  return next;
}

/** The drafts over what others have saved meanwhile, and which of them somebody else has overtaken. */
export function rebased(saved: ReadonlyMap<string, Shift>, drafts: Drafts): { drafts: Map<string, CellChange>; overtaken: Set<string> } {
  const next = new Map<string, CellChange>();
  const overtaken = new Set<string>();
  for (const [key, draft] of drafts) {
    const was = saved.get(key)?.kind_id ?? null;
    if (was === draft.was) next.set(key, draft);
    else if (was !== draft.kind_id) {
      overtaken.add(key);
      next.set(key, { ...draft, was });
    }
  }
  return { drafts: next, overtaken };
}

/** What is still to be saved once `sent` is, of what was changed while it was on its way; a change back is one too. */
export function stillUnsaved(drafts: Drafts, sent: Drafts): Map<string, CellChange> {
  const next = new Map<string, CellChange>();
  for (const [key, draft] of drafts) {
    const before = sent.get(key);
    if (before !== draft) next.set(key, before === undefined ? draft : { ...draft, was: before.kind_id });
  }
  for (const [key, { user_id, day, was, kind_id }] of sent) {
    if (!drafts.has(key) && was !== kind_id) next.set(key, { user_id, day, was: kind_id, kind_id: was });
  }
  return next;
}

/** The drafts with last week's shifts in the cells of this week that are empty; `copied`: how many. */
export function withLastWeek(view: RosterView, before: readonly Shift[], drafts: Drafts): { drafts: Map<string, CellChange>; copied: number } {
  const saved = shiftsByCell(view.shifts);
  const people = new Set(view.people.map((one) => one.user_id));
  const kinds = new Set(view.kinds.filter((one) => !one.removed).map((one) => one.kind_id));
  let next = new Map(drafts);
  let copied = 0;
  for (const shift of before) {
    const cell = { user_id: shift.user_id, day: plusDays(shift.day, 7) };
    if (!people.has(shift.user_id) || !kinds.has(shift.kind_id) || kindIn(saved, next, keyOf(cell.user_id, cell.day)) !== null) continue;
    next = changed(saved, next, cell, shift.kind_id);
    copied += 1;
  }
  return { drafts: next, copied };
}

/** Hours of a kind of shift; 0 for rest and leave. */
export function hoursOf(kind: Pick<ShiftKind, "starts" | "ends"> | undefined): number {
  if (kind === undefined || kind.starts === null || kind.ends === null) return 0;
  const [from, until] = [kind.starts, kind.ends].map((time) => Number(time.slice(0, 2)) + Number(time.slice(3)) / 60) as [number, number];
  return until > from ? until - from : until - from + 24;
}

/** Hours in a cell: as planned, or as its kind has them while it is not saved. */
export function cellHours(saved: ReadonlyMap<string, Shift>, drafts: Drafts, kinds: ReadonlyMap<number, ShiftKind>, key: string): number {
  const shift = saved.get(key);
  if (!drafts.has(key) && shift !== undefined) return shift.starts_at === null || shift.ends_at === null ? 0 : (shift.ends_at - shift.starts_at) / 3_600_000;
  const kind = kindIn(saved, drafts, key);
  return kind === null ? 0 : hoursOf(kinds.get(kind));
}

/** How many are at work on a day, by kind, in the order of the kinds. */
export function dayTotals(view: RosterView, drafts: Drafts, day: string): { kind: ShiftKind; count: number }[] {
  const saved = shiftsByCell(view.shifts);
  const held = view.people.map((one) => kindIn(saved, drafts, keyOf(one.user_id, day)));
  return view.kinds
    .filter((kind) => kind.starts !== null)
    .map((kind) => ({ kind, count: held.filter((one) => one === kind.kind_id).length }))
    .filter((one) => one.count > 0);
}

/** "22:00–08:00"; empty for rest and leave. */
export const timesText = (kind: Pick<ShiftKind, "starts" | "ends">): string => (kind.starts === null || kind.ends === null ? "" : `${kind.starts}–${kind.ends}`);
