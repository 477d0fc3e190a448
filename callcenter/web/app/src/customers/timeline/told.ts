/** What a change of a record is called and how its values read. */
import type { ChangeDetail } from "../../api/history";
import { i18n } from "../../i18n";
import { readable } from "../../ui/format";

export interface Line {
  field: string;
  from: string;
  to: string;
}
const NEVER_TOLD = new Set(["initials", "customer_id", "created_at", "updated_at"]);
const LONGEST = 160;

function plain(value: unknown): string {
  const { t } = i18n.global;
  if (value === null || value === undefined || value === "") return "";
  if (typeof value === "boolean") return t(value ? "app.yes" : "app.no");
  if (Array.isArray(value)) return value.map(plain).filter((one) => one !== "").join("、");
  if (typeof value === "object") {
    const parts = Object.entries(value).filter(([name]) => !name.endsWith("_id") && name !== "position");
    return parts.map(([name, one]) => (name === "number" && typeof one === "string" ? readable(one) : plain(one))).filter((one) => one !== "").join(" ");
  }
  return typeof value === "string" || typeof value === "number" ? readable(String(value)) : "";
}
/** A value as a person reads it, cut where it is long; an em dash for nothing. */
export function shown(value: unknown): string {
  const text = plain(value);
  if (text === "") return "—";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
/** A field's name; one of the department's own is called as it is. */
export function fieldName(field: string): string {
  const { t, te } = i18n.global;
  const key = `timeline.field.${field}`;
  return te(key) ? t(key) : field.replace(/^own_fields\./, "");
}
/** From what to what, field by field. */
export function linesOf(detail: ChangeDetail["detail"]): Line[] {
  const changed = detail["changed"] ?? detail;
  if (typeof changed !== "object" || changed === null) return [];
  return Object.entries(changed).flatMap(([field, pair]) =>
    Array.isArray(pair) && pair.length === 2 && !NEVER_TOLD.has(field) ? [{ field: fieldName(field), from: shown(pair[0]), to: shown(pair[1]) }] : [],
  );
}
export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1024 * 1024 ? `${Math.round(size / 1024)} KB` : `${(size / 1024 / 1024).toFixed(1)} MB`;
}
