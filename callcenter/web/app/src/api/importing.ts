/** Imports of customers, as the service has them (callcenter/importing). */
import { BASE, del, get, post, queryString, request } from "./http";
import type { Bilingual } from "./types";

export type ImportState = "uploading" | "reading" | "read" | "checking" | "checked" | "running" | "done" | "stopped" | "failed" | "undoing" | "undone";
export type Duplicates = "skip" | "fill" | "overwrite" | "merge";
export type Outcome = "new" | "filled" | "overwritten" | "merged" | "unchanged" | "skipped" | "bad";
export interface CustomerImport {
  import_id: number;
  file_name: string;
  size: number;
  state: ImportState;
  made_by: string;
  made_at: number;
  encoding: "" | "utf-8" | "gb18030" | "utf-16";
  separator: string;
  sheet: number;
  sheets: string[];
  header_row: number;
  mapping: string[];
  duplicates: Duplicates;
  total_rows: number;
  done_rows: number;
  counts: Partial<Record<string, number>>;
  problem: Bilingual | null;
  began_at: number | null;
  ended_at: number | null;
}
export interface ImportField {
  key: string;
  name: Bilingual;
  several: boolean;
}
export interface ImportPreview {
  rows: { row_number: number; cells: string[] }[];
  mapping: string[];
}
export interface ImportRow {
  row_number: number;
  cells: string[];
  outcome: Outcome | null;
  problems: (Bilingual & { column: number | null })[];
  customer_id: number | null;
  customer_name: string | null;
}
export interface LeftCustomer {
  customer_id: number;
  name: string | null;
  why: "changed" | "in_use";
}

export const LARGEST_FILE = 50 * 1024 * 1024;
const PART_BYTES = 1024 * 1024;

export const importingApi = {
  list: () => get<CustomerImport[]>("/imports"),
  fields: () => get<ImportField[]>("/imports/fields"),
  one: (id: number) => get<CustomerImport>(`/imports/${id}`),
  preview: (id: number, headerRow?: number) => get<ImportPreview>(`/imports/${id}/preview`, { header_row: headerRow }),
  /** Sends the file part by part, a part that fails once more, and has it read. */
  async upload(file: File, sent: (share: number) => void): Promise<CustomerImport> {
    const begun = await post<CustomerImport>("/imports", { file_name: file.name.slice(-200), size: file.size });
    for (let part = 0; part * PART_BYTES < file.size; part += 1) {
      const content = new Blob([file.slice(part * PART_BYTES, (part + 1) * PART_BYTES)], { type: "application/octet-stream" });
      const send = (): Promise<null> => request<null>("PUT", `/imports/${begun.import_id}/parts/${part}`, content);
      await send().catch(send);
      sent(Math.min(1, ((part + 1) * PART_BYTES) / file.size));
    }
    return importingApi.read(begun.import_id, {});
  },
  read: (id: number, how: { encoding?: string; separator?: string; sheet?: number }) => post<CustomerImport>(`/imports/${id}/read`, how),
  check: (id: number, mapping: string[], headerRow: number, duplicates: Duplicates) =>
    post<CustomerImport>(`/imports/${id}/check`, { mapping, header_row: headerRow, duplicates }),
  act: (id: number, what: "run" | "stop" | "undo") => post<CustomerImport>(`/imports/${id}/${what}`),
  rows: (id: number, outcome: Outcome | "", after: number) => get<ImportRow[]>(`/imports/${id}/rows`, { outcome, after, limit: 50 }),
  left: (id: number) => get<LeftCustomer[]>(`/imports/${id}/left`),
  discard: (id: number) => del<null>(`/imports/${id}`),
  badRowsAddress: (id: number, language: "zh" | "en") => `${BASE}/imports/${id}/bad-rows${queryString({ language })}`,
};
