import { expect, it } from "vitest";

import type { Configuration } from "../api/configuration";
import { destinationOf, lacks, levelsOf, listOf, menuText, newObject, numbersIn, objectOf } from "./objects";

const empty = { version: 1, name: "", cadence: null, priority_step_seconds: 60, repeat_priority: 1, caller_rules: [], short_abandon_seconds: 5, leave_out_short: true, tell_listened: false, node_lost_alarm: true, webhook_url: "", first_contact_owns: false, owner_valid_months: 2, queues: [], menus: [], hours: [], skills: [], pause_reasons: [] } satisfies Configuration;
const main = { ...newObject("queues", empty), queue_id: "main", name_zh: "总机", name_en: "Main" };
const whole: Configuration = {
  ...empty,
  queues: [main, { ...main, queue_id: "repair" }],
  skills: [{ skill_id: "lifts", name_zh: "电梯", name_en: "Lifts", agents: { alice: 3 } }, { skill_id: "english", name_zh: "英语", name_en: "English", agents: null }],
  pause_reasons: [{ code: "meal", name_zh: "用餐", name_en: "Meal", productive: false, longest_seconds: 3600 }],
};

it("finds each object in the whole", () => {
  expect(objectOf(whole, "queues", "repair")?.queue_id).toBe("repair");
  expect(objectOf(whole, "pause-reasons", "meal")?.longest_seconds).toBe(3600);
  expect(objectOf(whole, "menus", "none")).toBeNull();
  expect(objectOf(whole, "general", "all")).toEqual({ name: "", cadence: null, priority_step_seconds: 60, repeat_priority: 1, caller_rules: [], short_abandon_seconds: 5, leave_out_short: true, tell_listened: false, node_lost_alarm: true, webhook_url: "", first_contact_owns: false, owner_valid_months: 2 });
  expect(levelsOf(whole)).toEqual({ lifts: { alice: 3 }, english: {} });
  expect(listOf(whole, "queues")).toHaveLength(2);
});
it("says what a new object lacks before the service is asked", () => {
  const fresh = newObject("skills", whole);
  expect(Object.keys(lacks("skills", fresh, [], true))).toEqual(["name_zh", "name_en", "skill_id"]);
  expect(lacks("skills", { ...fresh, skill_id: "lifts", name_zh: "a", name_en: "b" }, ["lifts"], true)["skill_id"]?.en).toContain("taken");
  expect(lacks("queues", main, ["main"], false)).toEqual({});
});
it("leads a queue anywhere but to itself", () => {
  expect(destinationOf("queue", whole, "main")).toEqual({ kind: "queue", queue_id: "repair" });
  expect(destinationOf("queue", { ...whole, queues: [main] }, "main")).toEqual({ kind: "queue", queue_id: "" });
  expect(destinationOf("message", whole, null)).toEqual({ kind: "message" });
});
it("reads numbers however they are set apart", () => expect(numbersIn(" 4008001234，95001、\n12345 ")).toEqual(["4008001234", "95001", "12345"]));
it("says what callers hear: the menu's own text, or one made from the keys", () => {
  const menu = { ...newObject("menus", whole), keys: [{ key: "1", name_zh: "咨询", name_en: "enquiries", to: { kind: "end" as const }, call_type: null }, { key: "#", name_zh: "报修", name_en: "repairs", to: { kind: "end" as const }, call_type: null }] };
  expect(menuText(menu, "zh")).toBe("咨询请按 1，报修请按 井号键。");
  expect(menuText(menu, "en")).toBe("For enquiries, press 1. For repairs, press pound.");
  expect(menuText({ ...menu, text_zh: " 您好 " }, "zh")).toBe("您好");
});
