/** What is wrong with a form's fields, told once and shown by each field. */
import type { ComputedRef, InjectionKey } from "vue";

import type { Bilingual } from "../api/types";

export const WRONG: InjectionKey<ComputedRef<Record<string, Bilingual>>> = Symbol("wrong");

/** The complaint about a field, or (`within`) about anything inside it. */
export function complaint(wrong: Record<string, Bilingual>, path: string, within: boolean): Bilingual | null {
  const exact = wrong[path];
  if (exact !== undefined || !within) return exact ?? null;
  const inside = Object.keys(wrong).find((name) => name.startsWith(`${path}.`));
  return inside === undefined ? null : (wrong[inside] ?? null);
}
