import { expect, it } from "vitest";

import type { ExportRequest } from "../api/exports";
import { shownState } from "./words";

const one = (more: Partial<ExportRequest>): ExportRequest => ({ state: "approved", checked_at: null, returned_at: null, overdue: false, expired: false, may_download: true, ...more }) as ExportRequest;

it("says where a request is", () => {
  expect(shownState(one({ state: "asked" }))).toBe("asked");
  expect(shownState(one({}))).toBe("approved");
  expect(shownState(one({ may_download: false }))).toBe("used");
  expect(shownState(one({ expired: true, may_download: false }))).toBe("expired");
  expect(shownState(one({ expired: true, overdue: true }))).toBe("overdue");
  expect(shownState(one({ returned_at: 1 }))).toBe("returned");
  expect(shownState(one({ returned_at: 1, checked_at: 2 }))).toBe("checked");
});
