/** Rosters, hand-over notes and visits, as the service has them (callcenter/shifts). Days are `YYYY-MM-DD`. */
import { BASE, get, post, put, queryString, del, request } from "./http";
import type { AgentStateName, Bilingual } from "./types";

export interface ShiftKind {
  kind_id: number;
  code: string;
  name_zh: string;
  name_en: string;
  starts: string | null;
  ends: string | null;
  colour: string;
  duty: boolean;
  removed: boolean;
}
export type ShiftKindDraft = Omit<ShiftKind, "kind_id" | "removed">;
export interface RosterPerson {
  user_id: number;
  username: string;
  display_name: string;
  extension: string | null;
}
export interface Shift {
  user_id: number;
  day: string;
  kind_id: number;
  starts_at: number | null;
  ends_at: number | null;
  duty_number: string | null;
  deputy_id: number | null;
}
export type RosterState = "draft" | "submitted" | "approved";
export interface RosterMonth {
  month: string;
  state: RosterState;
  due_on: string;
  submitted_at: number | null;
  submitted_by: string | null;
  decided_at: number | null;
  decided_by: string | null;
  note: string;
  may_decide: boolean;
}
export interface ShiftRules {
  early_minutes: number;
  due_day: number;
  swap_working_days: number;
  duty_number: string;
}
export interface RosterView {
  today: string;
  people: RosterPerson[];
  kinds: ShiftKind[];
  shifts: Shift[];
  rosters: RosterMonth[];
  rules: ShiftRules;
}
/** From the kind `was` to `kind_id`; null: nothing. */
export interface CellChange {
  user_id: number;
  day: string;
  was: number | null;
  kind_id: number | null;
  duty_number?: string | null;
  deputy_id?: number | null;
}
export interface ImportPreview {
  changes: (CellChange & { cell: string })[];
  problems: (Bilingual & { cell: string })[];
}

export type Presence = "here" | "missing" | "early" | "due" | "unplanned" | "unseen";
export interface Attending {
  person: RosterPerson;
  presence: Presence;
  kind_id: number | null;
  starts_at: number | null;
  ends_at: number | null;
  state: { name: AgentStateName; since: number; reason: string } | null;
  missing_since: number | null;
}
export interface ShiftsNow {
  at: number;
  rows: Attending[];
  kinds: ShiftKind[];
  duty: { display_name: string; number: string } | null;
}

export interface AttendanceDay {
  user_id: number;
  display_name: string;
  day: string;
  kind_id: number | null;
  starts_at: number | null;
  ends_at: number | null;
  first_at: number | null;
  last_at: number | null;
  late_minutes: number;
  early_minutes: number;
  present_minutes: number;
  absent: boolean;
}

export interface Swap {
  swap_id: number;
  user_id: number;
  name: string;
  day: string;
  kind_id: number;
  colleague_id: number;
  colleague_name: string;
  colleague_day: string;
  colleague_kind_id: number | null;
  note: string;
  asked_at: number;
  state: "asked" | "approved" | "declined" | "withdrawn";
  decided_at: number | null;
  decided_by: string | null;
  decision: string;
}

export interface HandOverNote {
  note_id: number;
  written_at: number;
  written_by: string;
  own: boolean;
  text: string;
  items: { item_id: number; text: string; done_at: number | null; done_by: string | null }[];
  additions: { written_at: number; written_by: string; text: string }[];
  taken_at: number | null;
  taken_by: string | null;
}
export interface Visit {
  visit_id: number;
  visitors: string;
  purpose: string;
  came_at: number;
  left_at: number | null;
  recorded_by: string;
}

export const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
type Language = "zh" | "en";

export const shiftsApi = {
  view: (first: string, days: number) => get<RosterView>("/shifts", { first, days }),
  change: (changes: readonly CellChange[], reason: string) => put<null>("/shifts/cells", { changes, reason }),
  submit: (month: string) => post<null>(`/shifts/months/${month}/submit`),
  approve: (month: string, note: string) => post<null>(`/shifts/months/${month}/approve`, { note }),
  giveBack: (month: string, note: string) => post<null>(`/shifts/months/${month}/return`, { note }),
  now: () => get<ShiftsNow>("/shifts/now"),

  makeKind: (kind: ShiftKindDraft) => post<{ id: number }>("/shifts/kinds", kind),
  setKind: (kindId: number, kind: ShiftKindDraft) => put<null>(`/shifts/kinds/${kindId}`, kind),
  removeKind: (kindId: number) => del<null>(`/shifts/kinds/${kindId}`),
  setRules: (rules: ShiftRules) => put<null>("/shifts/rules", rules),

  preview: (file: File) =>
    request<ImportPreview>("POST", "/shifts/import", new Blob([file], { type: /\.csv$/i.test(file.name) ? "text/csv" : XLSX })),
  fileAddress: (first: string, days: number, language: Language, empty = false) => `${BASE}/shifts/file${queryString({ first, days, language, empty })}`,

  attendance: (month: string) => get<{ rows: AttendanceDay[]; kinds: ShiftKind[] }>("/shifts/attendance", { month }),
  attendanceAddress: (month: string, language: Language) => `${BASE}/shifts/attendance/file${queryString({ month, language })}`,

  swaps: () => get<Swap[]>("/shifts/swaps"),
  askForSwap: (swap: Pick<Swap, "day" | "colleague_id" | "colleague_day" | "note">) => post<{ id: number }>("/shifts/swaps", swap),
  decideSwap: (swapId: number, how: "approve" | "decline" | "withdraw", note = "") =>
    post<null>(`/shifts/swaps/${swapId}/${how}`, how === "withdraw" ? {} : { note }),

  notes: () => get<HandOverNote[]>("/hand-over/notes"),
  notesWaiting: () => get<{ waiting: number }>("/hand-over/waiting"),
  writeNote: (text: string, items: string[]) => post<{ id: number }>("/hand-over/notes", { text, items }),
  takeNote: (noteId: number) => post<null>(`/hand-over/notes/${noteId}/take`),
  addToNote: (noteId: number, text: string) => post<null>(`/hand-over/notes/${noteId}/additions`, { text }),
  finishItem: (itemId: number) => post<null>(`/hand-over/items/${itemId}/done`),
  visits: () => get<Visit[]>("/visits"),
  recordVisit: (visit: Pick<Visit, "visitors" | "purpose" | "came_at" | "left_at">) => post<{ id: number }>("/visits", visit),
  endVisit: (visitId: number) => post<null>(`/visits/${visitId}/left`),
};
