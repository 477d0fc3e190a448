/** Lists that leave the house, as the service has them (callcenter/exports). */
import { BASE, get, post, queryString } from "./http";

export type ListKind = "customers" | "calls";
export type ExportState = "asked" | "approved" | "declined" | "withdrawn";
export interface ExportRequest {
  export_id: number;
  kind: ListKind;
  filter: Record<string, string | boolean>;
  format: "csv" | "xlsx";
  reason: string;
  purpose: string;
  rows: number;
  asked_by: string;
  own: boolean;
  asked_at: number;
  state: ExportState;
  decided_by: string;
  decided_at: number | null;
  note: string;
  whole_numbers: boolean;
  valid_until: number | null;
  most_downloads: number;
  downloads: number;
  last_download_at: number | null;
  expired: boolean;
  overdue: boolean;
  may_download: boolean;
  returned_at: number | null;
  returned_how: "returned" | "destroyed" | null;
  checked_at: number | null;
  checked_by: string;
  check_note: string;
}
export interface ExportDraft {
  kind: ListKind;
  format: "csv" | "xlsx";
  reason: string;
  purpose: string;
  filter: Record<string, string | boolean>;
}

export const exportsApi = {
  own: () => get<ExportRequest[]>("/exports/own"),
  all: () => get<ExportRequest[]>("/exports"),
  register: () => get<ExportRequest[]>("/exports/register"),
  waiting: () => get<{ waiting: number }>("/exports/waiting"),
  ask: (draft: ExportDraft) => post<ExportRequest>("/exports", draft),
  withdraw: (id: number) => post<ExportRequest>(`/exports/${id}/withdraw`),
  approve: (id: number, how: { days: number; downloads: number; whole_numbers: boolean; note: string }) => post<ExportRequest>(`/exports/${id}/approve`, how),
  decline: (id: number, note: string) => post<ExportRequest>(`/exports/${id}/decline`, { note }),
  giveBack: (id: number, how: "returned" | "destroyed") => post<ExportRequest>(`/exports/${id}/return`, { how }),
  check: (id: number, note: string) => post<ExportRequest>(`/exports/${id}/check`, { note }),
  fileAddress: (id: number, language: "zh" | "en") => `${BASE}/exports/${id}/file${queryString({ language })}`,
};
