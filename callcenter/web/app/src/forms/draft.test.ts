import { expect, it } from "vitest";

import type { CallForm } from "../api/forms";
import { draftOf, ready } from "./draft";
import { NO_FORM } from "./filled";

it("gives codes to what is new and leaves those that are there", () => {
  const form: CallForm = {
    ...NO_FORM,
    sub_type_required: true,
    sub_types: [{ code: "quality", name_zh: "质量", name_en: "Renamed" }, { code: "", name_zh: "其他", name_en: "Quality" }],
    fields: [{ code: "", kind: "choice", name_zh: "愿望", name_en: "Wish", required: false, help_zh: "", help_en: "", options: [{ code: "", name_zh: "甲", name_en: "A" }, { code: "", name_zh: "乙", name_en: "A" }] }],
  };
  const done = ready(form);
  expect(done.sub_types.map((one) => one.code)).toEqual(["quality", "quality_2"]);
  expect([done.fields[0]?.code, done.fields[0]?.options.map((one) => one.code)]).toEqual(["wish", ["a", "a_2"]]);
});
it("asks for no sub-type where there is none, and a new type reads back what all do", () => {
  expect(ready({ ...NO_FORM, sub_type_required: true }).sub_type_required).toBe(false);
  expect(draftOf(null, [{ code: "name", name_zh: "姓名", name_en: "Name" }]).form.read_back).toHaveLength(1);
});
