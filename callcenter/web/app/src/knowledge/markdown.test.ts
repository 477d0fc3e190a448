import { expect, it } from "vitest";

import { blocksOf, plainOf } from "./markdown";

const words = (text: string): string => JSON.stringify(blocksOf(text));

it("knows paragraphs, line ends, bold words and both kinds of list", () => {
  expect(blocksOf("您好，**某某公司**。\n第二行\n\n- 先问好\n- **再**报名\n\n3. 三\n4. 四")).toEqual([
    {
      kind: "paragraph",
      lines: [
        { pieces: [{ text: "您好，", bold: false }, { text: "某某公司", bold: true }, { text: "。", bold: false }] },
        { pieces: [{ text: "第二行", bold: false }] },
      ],
    },
    { kind: "list", ordered: false, start: 1, items: [[{ pieces: [{ text: "先问好", bold: false }] }], [{ pieces: [{ text: "再", bold: true }, { text: "报名", bold: false }] }]] },
    { kind: "list", ordered: true, start: 3, items: [[{ pieces: [{ text: "三", bold: false }] }], [{ pieces: [{ text: "四", bold: false }] }]] },
  ]);
});

it.each([
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "[来](javascript:alert(1))",
  "![图](http://elsewhere/x.png)",
  "# 标题",
  "`代码`",
  "    缩进",
  "a < b && c > d",
])("shows %s as the text that it is", (text) => {
  const shown = blocksOf(text)
    .flatMap((one) => (one.kind === "paragraph" ? one.lines : one.items.flat()))
    .flatMap((line) => line.pieces)
    .map((piece) => piece.text)
    .join("");
  expect(shown.trim()).toBe(text.trim());
  expect(words(text)).not.toContain('"html"');
});

it.each(["是**……**", "**（客户姓名）**您好", "问**（谁）**吗"])("makes words bold in %s, where Chinese has no spaces", (text) => {
  expect(words(text)).toContain('"bold":true');
  expect(words(text)).not.toContain("**");
});

it("gives plain text to copy", () => {
  expect(plainOf("您好，**某某公司**。\n\n1. 一\n2. 二\n\n- 甲")).toBe("您好，某某公司。\n\n1. 一\n2. 二\n\n· 甲");
});

it("is not slow with what was made to be slow", () => {
  const began = performance.now();
  blocksOf("**".repeat(5000));
  blocksOf(`${"- ".repeat(300)}a`);
  expect(performance.now() - began).toBeLessThan(2000);
});
