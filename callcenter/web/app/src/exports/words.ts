/** How requests for lists are shown. Pure. */
import type { ExportRequest } from "../api/exports";

export type Shown = "asked" | "approved" | "declined" | "withdrawn" | "expired" | "overdue" | "used" | "returned" | "checked";

/** Where a request is, in one word. */
export function shownState(one: ExportRequest): Shown {
  if (one.state !== "approved") return one.state;
  if (one.checked_at !== null) return "checked";
  if (one.returned_at !== null) return "returned";
  if (one.overdue) return "overdue";
  if (one.expired) return "expired";
  return one.may_download ? "approved" : "used";
}
export const TONE: Record<Shown, string | undefined> = {
  asked: "pause",
  approved: "ready",
  declined: "bad",
  withdrawn: undefined,
  expired: undefined,
  overdue: "bad",
  used: "call",
  returned: "pause",
  checked: "ready",
};
