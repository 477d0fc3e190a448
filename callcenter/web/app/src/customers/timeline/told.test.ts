import { beforeAll, describe, expect, it } from "vitest";

import { i18n } from "../../i18n";
import { zhCN } from "../../i18n/zh-CN";
import { bytes, fieldName, linesOf, shown } from "./told";

beforeAll(() => i18n.global.setLocaleMessage("zh-CN", zhCN));

describe("what a change tells", () => {
  it("has old and new value of each field, in words", () => {
    expect(linesOf({ changed: { vip: [false, true], notes: ["", "有狗"] } })).toEqual([
      { field: "VIP", from: "否", to: "是" },
      { field: "备注", from: "—", to: "有狗" },
    ]);
  });
  it("reads pairs that stand by themselves, and leaves out what is no pair or nobody's business", () => {
    expect(linesOf({ name: ["甲", "乙"], initials: ["j", "y"], part: 7, added: { numbers: 1 } })).toEqual([{ field: "姓名", from: "甲", to: "乙" }]);
  });
  it("shows numbers and lists as people read them", () => {
    expect(shown([{ number: "+8613800138000", label: "手机" }, "业主"])).toBe("138 0013 8000 手机、业主");
    expect(shown("长".repeat(500))).toHaveLength(161);
    expect(shown(null)).toBe("—");
  });
  it("calls a department's own field as it is called", () => {
    expect(fieldName("own_fields.car")).toBe("car");
    expect(fieldName("member_level")).toBe("会员等级");
  });
  it("counts bytes", () => {
    expect([bytes(12), bytes(2048), bytes(20 * 1024 * 1024)]).toEqual(["12 B", "2 KB", "20.0 MB"]);
  });
});
