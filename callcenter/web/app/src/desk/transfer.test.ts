import { expect, it } from "vitest";

import type { TransferTargets } from "../api/types";
import { firstFree, targetsFor } from "./transfer";

const all: TransferTargets = {
  agents: [
    { user_id: 1, display_name: "王芳", extension: "1003", state: "talking", online: true },
    { user_id: 2, display_name: "赵强", extension: "1004", state: "ready", online: true },
    { user_id: 3, display_name: "李伟", extension: "1002", state: "ready", online: false },
  ],
  queues: [{ queue_id: "complaint", name_zh: "投诉专线", name_en: "Complaints", waiting: 2, ready: 1 }],
};
const names = (typed: string, language = "zh-CN"): string[] => targetsFor(typed, all, language).map((one) => one.name);

it("finds colleagues by name and extension, queues by either name, and a number", () => {
  expect(names("")).toEqual(["王芳", "赵强", "李伟", "投诉专线"]);
  expect(names("赵")).toEqual(["赵强"]);
  expect(names("1004")).toEqual(["赵强"]);
  expect(names("compl", "en")).toEqual(["Complaints"]);
  expect(names("138 0013 8009")).toEqual(["138 0013 8009"]);
  expect(names("138<b>")).toEqual([]);
});

it("begins with the first who could take the caller", () => {
  const targets = targetsFor("", all, "zh-CN");
  expect(targets[firstFree(targets)]?.name).toBe("赵强");
  expect(targets.map((one) => one.free)).toEqual([false, true, false, true]);
  expect(firstFree([])).toBe(0);
});
