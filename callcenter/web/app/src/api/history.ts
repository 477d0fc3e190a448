/** A customer's timeline, files, and merged records, as the service has them (callcenter/customers). */
import { BASE, del, get, post, queryString, upload } from "./http";
import type { NextStep, RingBackKind } from "./types";

export const ENTRY_KINDS = ["call", "ring_back", "message", "change", "merge", "file"] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

export interface CallDetail {
  call_id: string;
  status: string;
  direction: "in" | "out";
  answered: boolean;
  rings: number;
  agent_name: string | null;
  waiting_seconds: number | null;
  talking_seconds: number | null;
  call_type: string | null;
  notes: string | null;
  next_step: NextStep | null;
}
export interface RingBackDetail {
  ring_back_id: number;
  kind: RingBackKind;
  state: "open" | "done";
  call_id: string;
  call_count: number;
  done_at: number | null;
  done_by: string | null;
  done_note: string | null;
  answered_by_call: string | null;
}
export interface MessageDetail {
  call_id: string;
  seconds: number;
  heard_by: string | null;
  heard_at: number | null;
}
/** What was changed of a record: `kind` says what sort of change, `detail` from what to what. */
export interface ChangeDetail {
  kind: string;
  by: string | null;
  detail: Record<string, unknown>;
}
interface Entries {
  call: CallDetail;
  ring_back: RingBackDetail;
  message: MessageDetail;
  change: ChangeDetail;
  merge: ChangeDetail;
  file: ChangeDetail;
}
export type Entry = {
  [K in EntryKind]: { id: string; kind: K; at: number; customer_id: number | null; detail: Entries[K] };
}[EntryKind];
export interface TimelinePage {
  entries: Entry[];
  next: string | null;
}

export interface CustomerFile {
  file_id: number;
  customer_id: number;
  name: string;
  media_type: string;
  size: number;
  added_at: number;
  added_by: string | null;
}
export const MOST_FILE_BYTES = 20 * 1024 * 1024;

export type Choice = "kept" | "part" | "both";
export interface MergeSide {
  customer_id: number;
  name: string;
  numbers: string[];
  tags: string[];
  addresses: string[];
  contracts: string[];
  updated_at: number;
}
export interface Difference {
  field: string;
  kept: unknown;
  part: unknown;
  proposed: Choice;
  by_rule: boolean;
}
export interface MergePreview {
  kept: MergeSide;
  part: MergeSide;
  differences: Difference[];
}
export interface Part {
  customer_id: number;
  name: string;
  merged_at: number;
  merged_by: string | null;
}
/** Records that share a number. */
export interface Sharing {
  number: string;
  number_display: string;
  customers: { customer_id: number; name: string; unit_or_address: string; company_or_project: string }[];
}

const at = (customerId: number): string => `/customers/${customerId}`;

export const historyApi = {
  timeline: (customerId: number, kinds: readonly EntryKind[], before: string | null, limit: number) =>
    get<TimelinePage>(`${at(customerId)}/timeline`, { kinds: kinds.join(","), before, limit }),

  files: (customerId: number) => get<CustomerFile[]>(`${at(customerId)}/files`),
  attach: (customerId: number, file: File, progress: (share: number) => void, stop: AbortSignal) =>
    upload<CustomerFile>(`${at(customerId)}/files${queryString({ name: file.name })}`, file, progress, stop),
  fileAddress: (customerId: number, fileId: number) => `${BASE}${at(customerId)}/files/${fileId}`,
  removeFile: (customerId: number, fileId: number) => del<null>(`${at(customerId)}/files/${fileId}`),
  restoreFile: (customerId: number, fileId: number) => post<null>(`${at(customerId)}/files/${fileId}/restore`),

  previewMerge: (customerId: number, partId: number) => get<MergePreview>(`${at(customerId)}/merge`, { part_id: partId }),
  merge: (seen: MergePreview, choices: Record<string, Choice>) =>
    post<{ customer_id: number }>(`${at(seen.kept.customer_id)}/merge`, {
      part_id: seen.part.customer_id,
      choices,
      kept_updated_at: seen.kept.updated_at,
      part_updated_at: seen.part.updated_at,
    }),
  parts: (customerId: number) => get<Part[]>(`${at(customerId)}/parts`),
  duplicates: (after: string | null) => get<{ groups: Sharing[]; next: string | null }>("/possible-duplicates", { after }),
  split: (partId: number) => post<{ customer_id: number }>(`${at(partId)}/split`),
};
