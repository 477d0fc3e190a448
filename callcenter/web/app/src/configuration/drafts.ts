/**
 * What somebody is changing and has not saved. Pure.
 *
 * A draft knows what it was made from, so that another's change can be taken in without losing what was typed:
 * what only he changed is taken over, what both changed stays as typed and is named.
 */
import type { Bilingual } from "../api/types";

export interface Draft<T extends object = object> {
  /** As it was when the draft began, or was last brought up to date; null: it is new. */
  base: T | null;
  value: T;
  /** What the service, or the form itself, found wrong: dotted field -> complaint. */
  wrong: Record<string, Bilingual>;
  /** Fields that somebody else has changed too, since. */
  clashes: string[];
  /** Somebody else has removed it. */
  gone: boolean;
}

export const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
export const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sorted(one)]));
}

export const draftOf = <T extends object>(base: T): Draft<T> => ({ base: copy(base), value: copy(base), wrong: {}, clashes: [], gone: false });
export const newDraft = <T extends object>(value: T): Draft<T> => ({ base: null, value: copy(value), wrong: {}, clashes: [], gone: false });

export const changed = (draft: Draft): boolean => draft.base === null || !same(draft.base, draft.value);

/** Brings a draft up to what the service has now (null: it is gone). */
export function rebase<T extends object>(draft: Draft<T>, theirs: T | null): Draft<T> {
  if (draft.base === null) return draft;
  if (theirs === null) return { ...draft, gone: true };
  const [base, mine, now] = [draft.base, draft.value, theirs] as Record<string, unknown>[];
  if (base === undefined || mine === undefined || now === undefined || same(base, now)) return draft;
  const value: Record<string, unknown> = {};
  const clashes = new Set(draft.clashes);
  for (const name of new Set([...Object.keys(now), ...Object.keys(mine)])) {
    const minesIsOld = same(base[name], mine[name]);
    if (minesIsOld ? name in now : name in mine) value[name] = copy(minesIsOld ? now[name] : mine[name]);
    if (!minesIsOld && !same(base[name], now[name]) && !same(mine[name], now[name])) clashes.add(name);
  }
  return { ...draft, base: copy(theirs), value: value as T, clashes: [...clashes], gone: false };
}

/** The complaint about a field, or (`within`) about anything inside it. */
export function complaint(wrong: Record<string, Bilingual>, path: string, within: boolean): Bilingual | null {
  const exact = wrong[path];
  if (exact !== undefined || !within) return exact ?? null;
  const inside = Object.keys(wrong).find((name) => name.startsWith(`${path}.`));
  return inside === undefined ? null : (wrong[inside] ?? null);
}
