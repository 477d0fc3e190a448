import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

import { en } from "./en";
import { zhCN } from "./zh-CN";

/** Dotted name -> text. */
function texts(part: object, before = ""): [string, string][] {
  return Object.entries(part).flatMap(([name, value]) => (typeof value === "string" ? [[before + name, value] as [string, string]] : texts(value as object, `${before}${name}.`)));
}
const chinese = new Map(texts(zhCN));
const english = new Map(texts(en));
const source = fileURLToPath(new URL("..", import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => /\.(vue|ts)$/.test(name) && !name.endsWith(".test.ts"));

it("says the same things in both languages, with the same blanks to fill", () => {
  expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort());
  const blanks = (text: string | undefined): string => [...new Set([...(text ?? "").matchAll(/\{(\w+)\}/g)].map((one) => one[1]))].sort().join();
  const differ = [...chinese].filter(([name, text]) => blanks(text) !== blanks(english.get(name))).map(([name]) => name);
  expect(differ).toEqual([]);
});
it("has every text that a page asks for by name", () => {
  const missing = files.flatMap((name) =>
    [...readFileSync(join(source, name), "utf8").matchAll(/(?<![\w.])\$?t\(\s*(["'`])([\w.-]+)\1/g)].map((one) => one[2] ?? "").filter((key) => !chinese.has(key)).map((key) => `${name}: ${key}`),
  );
  expect(missing).toEqual([]);
});
