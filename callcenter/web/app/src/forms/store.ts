/** Call types with their forms and what agents say; loaded once, and again when a page asks. Old versions are fetched one by one. */
import { defineStore } from "pinia";
import { computed, reactive, shallowRef } from "vue";

import { api } from "../api";
import type { CallForm, FormsNow } from "../api/forms";
import type { Queue } from "../api/types";
import { inLanguage, nameOf } from "../i18n";
import { NO_FORM, spoken } from "./filled";

const FRESH_MS = 30_000;

export const useForms = defineStore("forms", () => {
  const now = shallowRef<FormsNow | null>(null);
  const old = reactive(new Map<string, CallForm>());
  let loadedAt = 0;

  async function load(): Promise<void> {
    now.value = await api.forms();
    loadedAt = Date.now();
  }
  /** What is known will do for half a minute; away, it does longer. */
  async function loadSoon(): Promise<void> {
    if (now.value !== null && Date.now() - loadedAt < FRESH_MS) return;
    await load().catch(() => undefined);
  }

  const types = computed(() => now.value?.types ?? []);
  const version = (callType: string): number => types.value.find((one) => one.code === callType)?.version ?? 0;
  /** The form of a type in a version; NO_FORM until it is known. */
  function form(callType: string | null, wanted: number | null): CallForm {
    if (callType === null) return NO_FORM;
    const type = types.value.find((one) => one.code === callType);
    if (type !== undefined && (wanted === null || wanted === type.version)) return type.form;
    return old.get(`${callType}/${wanted ?? 0}`) ?? NO_FORM;
  }
  /** Makes sure that an older version is known. */
  async function need(callType: string | null, wanted: number | null): Promise<void> {
    if (callType === null || wanted === null || wanted === 0 || wanted === version(callType)) return;
    const key = `${callType}/${wanted}`;
    if (!old.has(key)) old.set(key, await api.form(callType, wanted));
  }

  const inWords = (text: { zh: string; en: string }, queue: Queue | null): string => {
    const words = now.value?.words;
    if (words === undefined) return "";
    const company = inLanguage({ zh: words.company_zh, en: words.company_en || words.company_zh });
    return spoken(inLanguage(text), company, queue === null ? "" : nameOf(queue));
  };
  /** What is said first to a caller of this queue (TEL-07 to TEL-10). */
  function greeting(queue: Queue | null): string {
    const words = now.value?.words;
    if (words === undefined) return "";
    const own = queue === null ? undefined : words.queues[queue.queue_id];
    const zh = own?.greeting_zh || words.greeting_zh;
    return inWords({ zh, en: own?.greeting_en || (own?.greeting_zh ? own.greeting_zh : words.greeting_en || zh) }, queue);
  }
  /** What is said last: the type's own words, and the thanks and goodbye of all calls (TEL-20, TEL-21). */
  function closing(asked: CallForm, queue: Queue | null): string {
    const words = now.value?.words;
    const own = inLanguage({ zh: asked.closing_zh, en: asked.closing_en || asked.closing_zh });
    const all = words === undefined ? "" : inWords({ zh: words.closing_zh, en: words.closing_en || words.closing_zh }, queue);
    return [own, all].filter((part) => part !== "").join(" ");
  }
  /** The call type that calls of a queue begin with. */
  const typeOf = (queueId: string | null | undefined): string | null => (queueId ? (now.value?.words.queues[queueId]?.call_type ?? null) : null);

  return { now, types, load, loadSoon, version, form, need, greeting, closing, typeOf };
});
