/**
 * What somebody is changing and has not saved. Pure.
 *
 * A draft knows what it was made from, so that another's change can be taken in without losing what was typed:
 * what only he changed is taken over, what both changed stays as typed and is named.
 */
import type { Bilingual } from "../api/types";

export interface Draft<T extends object = object> {
  /** As it was when the draft began, or was last brought up to date. */
  base: T;
  value: T;
  /** The service has none like it yet. */
  isNew: boolean;
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

export const draftOf = <T extends object>(base: T, isNew = false): Draft<T> => ({ base: copy(base), value: copy(base), isNew, wrong: {}, clashes: [], gone: false });

export const changed = (draft: Draft): boolean => !same(draft.base, draft.value);

type Fields = Record<string, unknown>;

/** Brings a draft up to what the service has now (null: it is gone). */
export function rebase<T extends object>(draft: Draft<T>, theirs: T | null): Draft<T> {
  if (draft.isNew) return draft;
  if (theirs === null) return { ...draft, gone: true };
  const [base, mine, now] = [draft.base, draft.value, theirs] as [Fields, Fields, Fields];
  if (same(base, now)) return draft.gone ? { ...draft, gone: false } : draft;
  const value: Fields = {};
  const clashes = new Set(draft.clashes);
  for (const name of new Set([...Object.keys(now), ...Object.keys(mine)])) {
    const minesIsOld = same(base[name], mine[name]);
    if (minesIsOld ? name in now : name in mine) value[name] = copy(minesIsOld ? now[name] : mine[name]);
    if (!minesIsOld && !same(base[name], now[name]) && !same(mine[name], now[name])) clashes.add(name);
  }
  return { ...draft, base: copy(theirs), value: value as T, clashes: [...clashes], gone: false };
}
