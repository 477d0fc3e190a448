/** Where the object of an audit line is shown. Pure. */
import type { AuditLine } from "../api/staff";

const PAGES: Record<string, string> = {
  user: "/agents",
  role: "/agents/roles",
  week: "/agents/sign-ins",
  queue: "/configuration/queues",
  menu: "/configuration/menus",
  hours: "/configuration/hours",
  skill: "/configuration/skills",
  pause_reason: "/configuration/pause-reasons",
  prompt: "/configuration/prompts",
  general: "/configuration/general",
  number: "/configuration/blocked-callers",
  roster: "/shifts",
  shift_kind: "/shifts/kinds",
  swap: "/shifts/swaps",
  hand_over: "/shifts/hand-over",
  visit: "/shifts/hand-over",
};
/** Lists in details, which are no pairs of old and new. */
const LISTS = new Set(["given", "taken", "fields"]);
const WITH_ID = new Set(["queue", "menu", "hours"]);

/** The page's address; null where there is none. A call is shown in place. */
export function linkOf(line: Pick<AuditLine, "object_kind" | "object_id">): string | null {
  if (line.object_kind === "customer" && /^\d+$/.test(line.object_id)) return `/customers/${line.object_id}`;
  const page = PAGES[line.object_kind];
  if (page === undefined) return null;
  return WITH_ID.has(line.object_kind) && line.object_id !== "" ? `${page}/${encodeURIComponent(line.object_id)}` : page;
}

export interface DetailRow {
  name: string;
  /** Undefined where the detail is no change. */
  was: string | undefined;
  is: string;
}

function text(value: unknown): string {
  if (value === null || value === undefined || value === "") return "—";
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return value.length === 0 ? "—" : value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A line's details as rows; `[old, new]` is a change when the action changes something. */
export function detailRows(line: Pick<AuditLine, "action" | "detail">): DetailRow[] {
  const changes = /\.(changed|set)$/.test(line.action);
  const flat = Object.entries(line.detail).flatMap(([name, value]) =>
    name === "changed" && typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [[name, value] as [string, unknown]],
  );
  return flat.map(([name, value]) =>
    changes && Array.isArray(value) && value.length === 2 && !LISTS.has(name) ? { name, was: text(value[0]), is: text(value[1]) } : { name, was: undefined, is: text(value) },
  );
}
