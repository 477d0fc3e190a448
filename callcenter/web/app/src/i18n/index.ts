/** Languages: the browser's choice at first, then the person's, remembered on this computer. */
import type { Language as ElementLanguage } from "element-plus/es/locale";
import { computed, shallowRef } from "vue";
import { createI18n } from "vue-i18n";

import { ApiError } from "../api/errors";
import type { Bilingual } from "../api/types";
import type { Messages } from "./zh-CN";

export type Locale = "zh-CN" | "en";
const REMEMBERED = "callcenter.language";

export const i18n = createI18n<[Messages], Locale, false>({
  legacy: false,
  locale: "zh-CN",
  fallbackLocale: "zh-CN",
  missingWarn: false,
  fallbackWarn: false,
  messages: {} as Record<Locale, Messages>,
});

/** Element Plus's own texts (date picker, empty select) in the same language. */
export const elementLocale = shallowRef<ElementLanguage | undefined>();

/** The language to start with: the remembered one, else Chinese if the browser's first known language is Chinese. */
export function firstLocale(remembered: string | null, browser: readonly string[]): Locale {
  if (remembered === "zh-CN" || remembered === "en") return remembered;
  for (const language of browser) {
    if (/^zh\b/i.test(language)) return "zh-CN";
    if (/^en\b/i.test(language)) return "en";
  }
  return "zh-CN";
}

export const locale = computed<Locale>(() => i18n.global.locale.value);

export async function useLocale(next: Locale, remember: boolean): Promise<void> {
  if (next === "zh-CN") {
    const [texts, element] = await Promise.all([import("./zh-CN"), import("element-plus/es/locale/lang/zh-cn.mjs")]);
    i18n.global.setLocaleMessage(next, texts.zhCN);
    elementLocale.value = element.default;
  } else {
    const [texts, element] = await Promise.all([import("./en"), import("element-plus/es/locale/lang/en.mjs")]);
    i18n.global.setLocaleMessage(next, texts.en);
    elementLocale.value = element.default;
  }
  i18n.global.locale.value = next;
  document.documentElement.lang = next;
  if (remember) localStorage.setItem(REMEMBERED, next);
}

export const startLocale = (): Promise<void> =>
  useLocale(firstLocale(localStorage.getItem(REMEMBERED), navigator.languages), false);

/** A value that comes in both languages (or already as text), in the chosen one. */
export function inLanguage(value: Bilingual | string | null | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  return locale.value === "en" ? value.en || value.zh : value.zh || value.en;
}

/** `name_zh`/`name_en` of a queue or call type, in the chosen language. */
export function nameOf(named: { name_zh: string; name_en: string } | null | undefined): string {
  return named === null || named === undefined ? "" : inLanguage({ zh: named.name_zh, en: named.name_en });
}

/** What to tell a person about a failure; never a raw error. */
export function errorText(error: unknown): string {
  return error instanceof ApiError ? inLanguage(error.messages) : i18n.global.t("error.unexpected");
}
