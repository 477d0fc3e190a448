/** What the record of a call needs to know of the call: one on the desk, or one of the past. Pure. */
import type { Desk, HungUpBy, Outcome, Queue, SavedOutcome, UnwrittenCall } from "../api/types";
import { BLANK } from "../forms/filled";

export interface FormCall {
  call_id: string;
  queue: Queue | null;
  customers: { customer_id: number }[];
  arrived_at: number;
  answered_at: number | null;
  ended_at: number | null;
  rings: number | null;
  hung_up_by: HungUpBy | null;
  /** What the form begins with: by the key that the caller pressed. */
  call_type: string | null;
  /** As it was saved before. */
  outcome: SavedOutcome | null;
}

const PAST = { customers: [], rings: null, call_type: null, outcome: null };

/** A call of his list. */
export function pastCall(call: UnwrittenCall, queue: Queue | null): FormCall {
  const { call_id, arrived_at, answered_at, ended_at, hung_up_by } = call;
  return { ...PAST, call_id, queue, arrived_at, answered_at, ended_at, hung_up_by };
}

/** The first call that he must write down before he can be ready; without its facts where nobody knows them any more. */
export function owedCall(desk: Desk | null): FormCall | null {
  const call_id = desk?.owed[0];
  if (desk === null || call_id === undefined) return null;
  const bare = { ...PAST, call_id, queue: null, arrived_at: 0, answered_at: null, ended_at: null, hung_up_by: null };
  return desk.owed_call?.call_id === call_id ? desk.owed_call : bare;
}

/** What the form begins with: as it was saved, else blank with the type that is suggested. */
export function begun(call: FormCall, suggested: string | null): Outcome {
  return { ...BLANK, ...call.outcome, call_type: call.outcome?.call_type ?? call.call_type ?? suggested };
}
