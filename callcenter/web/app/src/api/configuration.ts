/** What an administrator sets, as the service and its YAML file have it (callcenter/configuration/model.py). */

/** What becomes of a call whose outcome is not saved. */
export const OUTCOME_RULES = ["off", "counted", "before_ready"] as const;
export type OutcomeRule = (typeof OUTCOME_RULES)[number];

export type Destination =
  | { kind: "queue"; queue_id: string }
  | { kind: "menu"; menu_id: string }
  | { kind: "number"; number: string }
  | { kind: "duty" }
  | { kind: "message" }
  | { kind: "callback" }
  | { kind: "end" };
export type DestinationKind = Destination["kind"];

export type RingTargetKind = "within" | "before" | "after";
export interface RingTarget {
  kind: RingTargetKind;
  rings: number;
}
export interface Cadence {
  tone_seconds: number;
  silence_seconds: number;
}

export type Strategy = "longest_idle" | "fewest_calls" | "rotation" | "ring_several";
export const STRATEGIES: readonly Strategy[] = ["longest_idle", "fewest_calls", "rotation", "ring_several"];
export interface Relaxation {
  after_seconds: number;
  level: number;
}
export interface SkillNeed {
  skill_id: string;
  level: number;
  relax: Relaxation[];
}
export interface Member {
  username: string;
  opens_after_seconds: number;
}
export interface Overflow {
  after_rings: number | null;
  after_seconds: number | null;
  to: Destination;
}
export interface Announcements {
  position: boolean;
  expected_wait: boolean;
  first_after_seconds: number;
  every_seconds: number;
}
export interface CallbackSetting {
  key: string | null;
  offer_after_seconds: number;
  at_closing: boolean;
  ring_seconds: number;
  retry_after_minutes: number[];
}
/** When supervisors are told that a queue is not served as it should be; null: they are not. */
export interface Alarms {
  waiting: number | null;
  longest_wait_seconds: number | null;
  service_level_percent: number | null;
  service_level_calls: number;
  abandoned: number | null;
  no_agent: boolean;
}
export const RECORDING_RULES = ["never", "on_demand", "always"] as const;
export interface RecordingSetting {
  rule: (typeof RECORDING_RULES)[number];
  keep_days: number;
}
export interface QueueSetting {
  queue_id: string;
  name_zh: string;
  name_en: string;
  numbers: string[];
  strategy: Strategy;
  ring_at_once: number;
  priority: number;
  ring_target: RingTarget;
  response_seconds: number;
  offer_rings: number;
  apology_ring: number;
  greet_first: boolean;
  announcements: Announcements;
  callback: CallbackSetting;
  needs: SkillNeed[];
  owner_rings: number;
  overflow: Overflow[];
  most_waiting: number | null;
  full: Destination;
  hours_id: string | null;
  closed: Destination;
  nobody: Destination | null;
  pause_after_misses: number;
  wrapup_seconds: number | null;
  wrapup_extension_seconds: number;
  outcome_required: OutcomeRule;
  alarms: Alarms;
  recording: RecordingSetting;
  members: Member[] | null;
}

export interface MenuKey {
  key: string;
  name_zh: string;
  name_en: string;
  to: Destination;
  call_type: string | null;
}
export interface MenuSetting {
  menu_id: string;
  name_zh: string;
  name_en: string;
  numbers: string[];
  text_zh: string;
  text_en: string;
  keys: MenuKey[];
  timeout_seconds: number;
  tries: number;
  otherwise: Destination;
}

export interface Span {
  start: string;
  end: string;
}
export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
export type Weekday = (typeof WEEKDAYS)[number];
export interface HoursException {
  day: string;
  name: string;
  spans: Span[];
}
export interface HoursSetting {
  hours_id: string;
  name_zh: string;
  name_en: string;
  week: Record<Weekday, Span[]>;
  china_holidays: boolean;
  holiday: Span[];
  exceptions: HoursException[];
}
/** A day of the calendar as the service reckons it: what holds, and by which rule. */
export interface HoursDay {
  day: string;
  spans: Span[];
  why: "week" | "holiday" | "swapped_work_day" | "exception";
  name_zh: string;
  name_en: string;
  /** False where holidays count, but those of that year are not known yet. */
  calendar_known: boolean;
}

export interface SkillSetting {
  skill_id: string;
  name_zh: string;
  name_en: string;
  agents: Record<string, number> | null;
}
export interface PauseReasonSetting {
  code: string;
  name_zh: string;
  name_en: string;
  productive: boolean;
  longest_seconds: number | null;
}

export type CallerKind = "vip" | "open_case" | "complaint" | "owned";
export const CALLER_KINDS: readonly CallerKind[] = ["vip", "open_case", "complaint", "owned"];
export interface CallerRule {
  kind: CallerKind;
  from_queues: string[];
  queue_id: string | null;
  priority: number;
}
export interface General {
  name: string;
  cadence: Cadence | null;
  priority_step_seconds: number;
  repeat_priority: number;
  caller_rules: CallerRule[];
  short_abandon_seconds: number;
  leave_out_short: boolean;
  tell_listened: boolean;
  node_lost_alarm: boolean;
  /** Empty: none. Who is no administrator sees the host only. */
  webhook_url: string;
  /** Rules of customers' owners; set on their own page (months; 0: for ever). */
  first_contact_owns: boolean;
  owner_valid_months: number;
}
export interface Configuration extends General {
  version: 1;
  queues: QueueSetting[];
  menus: MenuSetting[];
  hours: HoursSetting[];
  skills: SkillSetting[];
  pause_reasons: PauseReasonSetting[];
}
/** The whole, and the number of its last change: a change names the one it was made from. */
export interface ConfigurationNow {
  revision: number;
  configuration: Configuration;
}

export interface Change {
  kind: string;
  id: string;
  what: "added" | "changed" | "removed" | "same";
  fields: string[];
}
/** What a file changes, or would change, and the revision it is at then. */
export interface Imported {
  changes: Change[];
  revision: number;
}
export interface Profile {
  profile: string;
  name: string;
}

export interface BlockedCaller {
  number: string;
  number_display: string;
  reason: string;
  blocked_until: number | null;
  created_at: number;
  created_by: string | null;
  expired: boolean;
}

export type PromptLanguage = "zh" | "en";
export interface PromptWords {
  text: string;
  built_in_text: string;
  recorded: boolean;
  /** Null while its speech has not been made. */
  seconds: number | null;
  /** What callers hear; empty where it cannot be made. */
  sound: string;
}
export interface Prompt {
  name: string;
  title_zh: string;
  title_en: string;
  languages: Record<PromptLanguage, PromptWords>;
}
