import { expect, it } from "vitest";

import type { CallForm, FormField } from "../api/forms";
import { BLANK, codeOf, fitted, NO_FORM, problems, sent, spoken } from "./filled";

const field = (code: string, kind: FormField["kind"], required = false, options: string[] = []): FormField => ({
  code, kind, required, name_zh: code, name_en: code, help_zh: "", help_en: "", options: options.map((one) => ({ code: one, name_zh: one, name_en: one })),
});
const form: CallForm = {
  ...NO_FORM,
  sub_types: [{ code: "quality", name_zh: "质量", name_en: "Quality" }],
  sub_type_required: true,
  fields: [field("demand", "long_text", true), field("paid", "money"), field("when", "date_time"), field("wish", "choice", false, ["return"])],
  read_back: [{ code: "name", name_zh: "姓名", name_en: "Name" }],
};

it("says all that is missing or wrong, in the form's order", () => {
  const wrong = problems(form, { ...BLANK, call_type: "complaint", fields: { demand: "  ", paid: "1.234", when: "gestern" } });
  expect([...wrong]).toEqual([["sub_type", "required"], ["fields.demand", "required"], ["fields.paid", "money"], ["fields.when", "date_time"]]);
  expect(problems(form, { ...BLANK, call_type: "complaint", sub_type: "quality", fields: { demand: "换", paid: "1,200.5" } }).size).toBe(0);
  expect([...problems(NO_FORM, BLANK).keys()]).toEqual(["call_type"]);
});
it("keeps what another type's form asks for too", () => {
  const before = { ...BLANK, call_type: "x", sub_type: "other", notes: "n", fields: { demand: "换", shoes: 1, wish: "exchange" }, read_back: ["name", "hat"] };
  expect(fitted(before, "complaint", 3, form)).toEqual({ ...before, call_type: "complaint", form_version: 3, sub_type: null, fields: { demand: "换" }, read_back: ["name"] });
});
it("sends nothing that is empty or that nobody asks for", () => {
  expect(sent({ ...BLANK, fields: { demand: "换", paid: "", when: null, shoes: 1 } }, form).fields).toEqual({ demand: "换" });
});
it("says the company's name, or the queue's", () => {
  expect(spoken("您好，{company}", "新外滩", "客服")).toBe("您好，新外滩");
  expect(spoken("您好，{company} {queue}", "", "客服")).toBe("您好，客服 客服");
});
it("makes codes that nothing else has", () => {
  expect(codeOf("Order number", [])).toBe("order_number");
  expect(codeOf("订单", ["item"])).toBe("item_2");
  expect(codeOf("2nd", [])).toBe("n_2nd");
});
