/** The objects of a configuration: where each is in the whole, what a new one begins with, what it still lacks. Pure. */
import type {
  Configuration, Destination, DestinationKind, General, HoursSetting, MenuSetting, PauseReasonSetting, QueueSetting, SkillSetting,
} from "../api/configuration";
import type { Bilingual } from "../api/types";

/** Levels of every skill: skill id -> username -> level. */
export type Levels = Record<string, Record<string, number>>;
export interface Objects {
  queues: QueueSetting;
  menus: MenuSetting;
  hours: HoursSetting;
  skills: SkillSetting;
  "pause-reasons": PauseReasonSetting;
  general: General;
  levels: Levels;
}
export type Kind = keyof Objects;
/** Kinds of which there are many, each with an id. */
export type ListedKind = Exclude<Kind, "general" | "levels">;

export const ID_FIELD: Record<ListedKind, string> = {
  queues: "queue_id",
  menus: "menu_id",
  hours: "hours_id",
  skills: "skill_id",
  "pause-reasons": "code",
};

export function listOf<K extends ListedKind>(whole: Configuration, kind: K): Objects[K][] {
  const lists: { [one in ListedKind]: Objects[one][] } = {
    queues: whole.queues,
    menus: whole.menus,
    hours: whole.hours,
    skills: whole.skills,
    "pause-reasons": whole.pause_reasons,
  };
  return lists[kind];
}

export const idOf = (kind: ListedKind, value: object): string => String((value as Record<string, unknown>)[ID_FIELD[kind]] ?? "");

export const levelsOf = (whole: Configuration): Levels =>
  Object.fromEntries(whole.skills.map((skill) => [skill.skill_id, { ...skill.agents }]));

/** What is no part of the general settings; all else is. */
const PARTS: ReadonlySet<string> = new Set(["version", "queues", "menus", "hours", "skills", "pause_reasons"]);

/** One object as the whole has it; null: it has none of that id. */
export function objectOf<K extends Kind>(whole: Configuration, kind: K, id: string): Objects[K] | null {
  if (kind === "general") {
    return Object.fromEntries(Object.entries(whole).filter(([name]) => !PARTS.has(name))) as unknown as Objects[K];
  }
  if (kind === "levels") return levelsOf(whole) as unknown as Objects[K];
  const listed = kind as ListedKind;
  return (listOf(whole, listed).find((one) => idOf(listed, one) === id) ?? null) as Objects[K] | null;
}

const TO_MESSAGE: Destination = { kind: "message" };

/** What a form for a new object begins with: the service's own defaults, shown so that they can be changed. */
export function newObject<K extends ListedKind>(kind: K, whole: Configuration): Objects[K] {
  const names = { name_zh: "", name_en: "" };
  const made: Pick<Objects, ListedKind> = {
    queues: {
      queue_id: "", ...names, numbers: [], strategy: "longest_idle", ring_at_once: 3, priority: 0,
      ring_target: { kind: "within", rings: 3 }, response_seconds: 60, offer_rings: 4, apology_ring: 5, greet_first: false,
      announcements: { position: true, expected_wait: true, first_after_seconds: 15, every_seconds: 60 },
      callback: { key: "1", offer_after_seconds: 30, at_closing: true, ring_seconds: 30, retry_after_minutes: [10, 60] },
      needs: [], owner_rings: 0, overflow: [], most_waiting: null, full: TO_MESSAGE, hours_id: null, closed: TO_MESSAGE,
      nobody: null, pause_after_misses: 1, wrapup_seconds: null, wrapup_extension_seconds: 60, outcome_required: "counted",
      alarms: { waiting: null, longest_wait_seconds: 60, service_level_percent: null, service_level_calls: 20, abandoned: null, no_agent: true }, recording: { rule: "never", keep_days: 180 }, members: null,
    },
    menus: {
      menu_id: "", ...names, numbers: [], text_zh: "", text_en: "",
      keys: [{ key: "1", ...names, to: firstQueue(whole), call_type: null }], timeout_seconds: 6, tries: 2, otherwise: firstQueue(whole),
    },
    hours: {
      hours_id: "", ...names, china_holidays: true, holiday: [], exceptions: [],
      week: { ...Object.fromEntries(["monday", "tuesday", "wednesday", "thursday", "friday"].map((day) => [day, [{ start: "09:00", end: "18:00" }]])), saturday: [], sunday: [] } as unknown as HoursSetting["week"],
    },
    skills: { skill_id: "", ...names, agents: {} },
    "pause-reasons": { code: "", ...names, productive: false, longest_seconds: null },
  };
  return made[kind] as Objects[K];
}

const firstQueue = (whole: Configuration): Destination => ({ kind: "queue", queue_id: whole.queues[0]?.queue_id ?? "" });

/** A way of this kind, leading to the first thing there is, never back to the queue `within`. */
export function destinationOf(kind: DestinationKind, whole: Configuration, within: string | null): Destination {
  switch (kind) {
    case "queue":
      return { kind, queue_id: whole.queues.find((one) => one.queue_id !== within)?.queue_id ?? "" };
    case "menu":
      return { kind, menu_id: whole.menus[0]?.menu_id ?? "" };
    case "number":
      return { kind, number: "" };
    default:
      return { kind };
  }
}

/** Numbers as they are typed, one after another with any break between them. */
export const numbersIn = (text: string): string[] => text.split(/[\s,;，；、]+/).filter((one) => one !== "");

const NEEDED: Bilingual = { zh: "此项必填。", en: "Fill this in." };
const BAD_ID: Bilingual = { zh: "只用小写字母、数字和下划线，最多 40 个。", en: "Only a-z, 0-9 and underscore, at most 40." };
const TAKEN: Bilingual = { zh: "这个代号已经用了。", en: "This id is taken." };

/** What a form can say before the service is asked; field -> complaint. */
export function lacks(kind: ListedKind, value: object, taken: readonly string[], isNew: boolean): Record<string, Bilingual> {
  const fields = value as Record<string, unknown>;
  const found: Record<string, Bilingual> = {};
  for (const name of ["name_zh", "name_en"]) if (String(fields[name] ?? "").trim() === "") found[name] = NEEDED;
  const id = idOf(kind, value);
  if (isNew && !/^[a-z0-9_]{1,40}$/.test(id)) found[ID_FIELD[kind]] = BAD_ID;
  else if (isNew && taken.includes(id)) found[ID_FIELD[kind]] = TAKEN;
  return found;
}

/** What callers hear when a menu has no text of its own: made from the keys. */
export function menuText(menu: MenuSetting, language: "zh" | "en"): string {
  const own = (language === "zh" ? menu.text_zh : menu.text_en).trim();
  if (own !== "") return own;
  const spoken = menu.keys.map((one) =>
    language === "zh" ? `${one.name_zh || "…"}请按 ${keyWord(one.key, language)}` : `For ${one.name_en || "…"}, press ${keyWord(one.key, language)}`,
  );
  return language === "zh" ? `${spoken.join("，")}。` : `${spoken.join(". ")}.`;
}

function keyWord(key: string, language: "zh" | "en"): string {
  if (key === "*") return language === "zh" ? "星号键" : "star";
  if (key === "#") return language === "zh" ? "井号键" : "pound";
  return key;
}
