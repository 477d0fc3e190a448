/** The shapes of the browser API. Times are milliseconds since the epoch and end in `_at`; durations are seconds. */

export type Role = "agent" | "supervisor" | "manager" | "administrator";
/** What a person may do; decided by the service (`callcenter/staff/permissions.py`). */
export type Permission =
  | "take_calls"
  | "read_calls"
  | "correct_outcomes"
  | "ring_back"
  | "listen_to_recordings"
  | "delete_recordings"
  | "read_customers"
  | "write_customers"
  | "merge_customers"
  | "assign_customers"
  | "import_customers"
  | "export_lists"
  | "approve_exports"
  | "erase_customers"
  | "see_numbers"
  | "reveal_numbers"
  | "write_knowledge"
  | "watch"
  | "supervise"
  | "listen"
  | "block_callers"
  | "plan_shifts"
  | "approve_shifts"
  | "read_settings"
  | "change_settings"
  | "read_staff"
  | "manage_staff"
  | "manage_roles"
  | "read_audit"
  | "review_sign_ins";
export type PhoneKind = "browser" | "desk";
export interface Bilingual {
  zh: string;
  en: string;
}

export interface User {
  user_id: number;
  username: string;
  display_name: string;
  role: string;
  role_name: Bilingual;
  extension: string | null;
  phone_kind: PhoneKind | null;
  permissions: Permission[];
}
/** What holds of one's own password. */
export interface PasswordState {
  /** Before anything else: every other request is refused. */
  must_change: boolean;
  /** Null: it does not age. */
  expires_at: number | null;
  shortest: number;
  history: number;
}
export interface Session {
  user: User;
  csrf_token: string;
  password: PasswordState;
  hotline: { number: string; name: string | Bilingual };
}

export interface CallType {
  code: string;
  name_zh: string;
  name_en: string;
  direction: "in" | "out";
  /** Switched off: no new call gets it. */
  active: boolean;
  /** Of the handbooks. */
  shipped: boolean;
  /** Of its form now; 0: it has none. */
  version: number;
}
export interface Queue {
  queue_id: string;
  name_zh: string;
  name_en: string;
}

export type AgentStateName = "signed_out" | "ready" | "offered" | "ringing" | "talking" | "wrapup" | "paused";
export interface PauseReason {
  code: string;
  name_zh: string;
  name_en: string;
  productive: boolean;
  longest_seconds: number | null;
}
export interface AgentState {
  name: AgentStateName;
  since: number;
  reason: string | null;
}
export interface DeskState extends AgentState {
  /** When the wrap-up ends by itself; null: when the agent says so. */
  until: number | null;
  may_extend: boolean;
}

export type NextStep = "none" | "callback" | "transfer_department" | "refer_up" | "site_visit" | "follow_up";
export const NEXT_STEPS: readonly NextStep[] = [
  "none", "callback", "transfer_department", "refer_up", "site_visit", "follow_up",
];
export interface Outcome {
  call_type: string | null;
  sub_type: string | null;
  notes: string;
  next_step: NextStep;
  /** Which of several customers with this number it was. */
  customer_id?: number | null;
  /** The version of the type's form that it was filled in with; null: no type is chosen yet. */
  form_version: number | null;
  /** Field code to value. */
  fields: Record<string, unknown>;
  /** What was read back to the caller (TEL-17), the last of it then. */
  read_back: string[];
  read_back_at: number | null;
}
/** An outcome as the service has taken it, in the live call's document. */
export type SavedOutcome = Partial<Outcome> & { complete?: boolean };
/** A call of the agent's own that has no outcome. */
export interface UnwrittenCall {
  call_id: string;
  arrived_at: number;
  answered_at: number;
  ended_at: number;
  number_display: string;
  talking_seconds: number;
  hung_up_by: HungUpBy | null;
  queue_id: string | null;
  customer_id: number | null;
  customer_name: string | null;
  draft_at: number | null;
}

export type HungUpBy = "caller" | "agent" | "system";
export const CALL_STATUSES = [
  "answered", "abandoned", "message", "callback", "passed_on", "closed", "blocked", "failed", "menu", "waiting", "offered", "talking",
] as const;
export type CallStatus = (typeof CALL_STATUSES)[number];
export type CallerMark = "vip" | "open_case" | "complaint" | "owned" | "repeat";

export interface PopCustomer {
  customer_id: number;
  name: string;
  company_or_project: string | null;
  unit_or_address: string | null;
  vip: boolean;
  notes: string | null;
  member_level?: string;
  tags?: string[];
  /** The latest day of his contracts' warranties (CAT-30). */
  warranty_until?: string | null;
  owner?: { user_id: number; name: string; until: number | null } | null;
  /** Why it may be he who calls, by weight. */
  reasons?: { code: "recent_contact" | "open_case" | "main_number" | "vip"; at: number | null }[];
}
export interface RecentCall {
  call_id: string;
  arrived_at: number;
  status: string;
  agent_name: string | null;
  call_type: string | null;
  notes: string | null;
}
export interface DeskCall {
  call_id: string;
  offer_id: string | null;
  number: string | null;
  number_e164: string | null;
  caller_name: string | null;
  anonymous: boolean;
  place: Bilingual | null;
  carrier: Bilingual | null;
  customers: PopCustomer[];
  /** Who it is, as the agent has said; he comes first in `customers`. */
  chosen?: number | null;
  queue: Queue | null;
  status: string;
  arrived_at: number;
  offered_at: number | null;
  ringing_at: number | null;
  answered_at: number | null;
  held_at: number | null;
  ended_at: number | null;
  rings: number;
  /** The last ring in which an answer is in time (TEL-01, TEL-03, TEL-04), and the first with an apology (TEL-02). */
  last_ring_in_time: number;
  apology_ring: number;
  /** Seconds from the start of one ring to that of the next. */
  ring_period_seconds: number;
  /** The second target: spoken to within so many seconds (TEL-05). */
  response_seconds: number | null;
  priority: number;
  menu_keys_names: Bilingual[];
  kinds: CallerMark[];
  /** Not null: a call back. The agent answers his own phone, then the customer is rung (`calling`). */
  callback: { number_display: string; asked_at: number; attempts: number; calling: boolean } | null;
  /** Names of the agents whose phones ring for the same call. */
  others: string[];
  hung_up_by: HungUpBy | null;
  reconnecting: boolean;
  transfer: TransferTold | null;
  consult: ConsultTold | null;
  /** Null: talks of its queue are never recorded. */
  recording?: { rule: "on_demand" | "always"; state: "off" | "on" | "paused"; since: number | null; /** Why it could not be recorded. */ failed: "notice" | "room" | null } | null;
  recent_calls: RecentCall[];
  call_type: string | null;
  notes: string | null;
  next_step: NextStep | null;
  outcome: SavedOutcome | null;
}
/** By whom the caller was given on, and what is to be known of it. `failed`: why nobody took him; null: not so. */
export interface TransferTold {
  kind: "agent" | "queue" | "number";
  by: number;
  by_name: string;
  to_name: string;
  to_queue_zh: string | null;
  to_queue_en: string | null;
  at: number;
  note: string;
  notes: string;
  attended: boolean;
  is_open: boolean;
  failed: string | null;
}
/** With whom the caller's agent speaks while the caller hears music. `asked`: it is the agent of this desk. */
export interface ConsultTold {
  by_name: string;
  to_name: string;
  outside: boolean;
  asked: boolean;
  since: number;
  ringing_at: number | null;
  answered_at: number | null;
}
export interface TransferTo {
  user_id?: number;
  queue_id?: string;
  number?: string;
  note: string;
  notes: string;
}
export interface TransferTargets {
  agents: { user_id: number; display_name: string; extension: string; state: AgentStateName; online: boolean }[];
  queues: { queue_id: string; name_zh: string; name_en: string; waiting: number; ready: number }[];
}
/** Who hears the supervisor: nobody, the agent alone, both. */
export const LISTEN_MODES = ["listen", "whisper", "barge"] as const;
export type ListenMode = (typeof LISTEN_MODES)[number];
export interface ListeningNow {
  listening_id: string;
  call_id: string;
  agent_name: string;
  mode: ListenMode;
  since: number;
}
export interface Desk {
  agent: { user_id: number; display_name: string; extension: string; phone_kind: PhoneKind; phone_online: boolean };
  state: DeskState;
  waiting: number;
  call: DeskCall | null;
  /** Calls that he must write down before he can be ready, and the first of them as far as it is known still. */
  owed: string[];
  owed_call: DeskCall | null;
  /** The supervisor at this conversation, where the agent is told. */
  listener: string | null;
  /** A supervisor's own part in another's conversation. */
  listening: ListeningNow | null;
}

export interface BrowserAccount {
  kind: "browser";
  websocket_url: string;
  websocket_urls: string[];
  uri: string;
  username: string;
  password: string;
  realm: string;
  display_name: string;
}
export type PhoneAccount = BrowserAccount | { kind: "desk"; extension: string };

export interface Call {
  call_id: string;
  node: string | null;
  queue_id: string | null;
  queue_name_zh?: string | null;
  queue_name_en?: string | null;
  called_number: string | null;
  caller_number: string | null;
  number_display?: string | null;
  caller_name: string | null;
  place: string | Bilingual | null;
  carrier: string | Bilingual | null;
  customer_id: number | null;
  customer_name: string | null;
  agent_id: number | null;
  agent_name: string | null;
  status: CallStatus;
  arrived_at: number;
  queued_at: number | null;
  offered_at: number | null;
  ringing_at: number | null;
  answered_at: number | null;
  ended_at: number | null;
  outcome_at: number | null;
  rings: number | null;
  agent_rings: number | null;
  waiting_seconds: number | null;
  ringing_seconds: number | null;
  talking_seconds: number | null;
  holding_seconds: number | null;
  wrapup_seconds: number | null;
  offers: number | null;
  hung_up_by: HungUpBy | null;
  hangup_cause: number | null;
  through: "service" | "fallback" | null;
  call_type: string | null;
  notes: string | null;
  next_step: NextStep | null;
  sub_type: string | null;
  form_version: number | null;
  form_fields: Record<string, unknown> | null;
  read_back: string[] | null;
  read_back_at: number | null;
  /** False: it was saved while no form was known. */
  outcome_complete: boolean | null;
  menu_keys: string;
  priority: number;
  callback_number: string | null;
  callback_at: number | null;
  callback_attempts: number;
  abandoned_in: "menu" | "queue" | "ringing" | null;
  /** The number or queue that the call was led to. */
  passed_on_to: string | null;
}
export interface CallEvent {
  event_id: string;
  kind: string;
  at: number;
  body: Record<string, unknown> | null;
}
export interface CallWithEvents extends Call {
  events: CallEvent[];
}
export interface CallPage {
  calls: Call[];
  next: string | null;
}

export type RingBackKind = "abandoned" | "message" | "callback_failed" | "node_lost";
export interface RingBack {
  ring_back_id: number;
  kind: RingBackKind;
  queue_id: string | null;
  message_seconds: number | null;
  number: string;
  number_display: string;
  customer_id: number | null;
  customer_name: string | null;
  call_id: string;
  call_count: number;
  first_at: number;
  last_at: number;
  rings: number | null;
  waiting_seconds: number | null;
  state: "open" | "done";
  done_at: number | null;
  done_by_name: string | null;
  done_note: string | null;
}

/** A caller who keeps his place in line without a line. */
export interface WaitingCallback {
  call_id: string;
  number_display: string;
  customer_name: string | null;
  queue_id: string;
  queue_name_zh: string | null;
  queue_name_en: string | null;
  since: number;
  state: "waiting" | "calling" | "resting";
  attempts: number;
  next_at: number | null;
}

export const NOT_RUNG = [
  "missed", "declined", "unreachable", "failed", "other_agent_chosen", "caller_behind_others", "lacks_skill", "opens_later",
  "wrapup", "with_another_call", "phone_away", "paused", "signed_out", "not_member",
] as const;
export type NotRung = (typeof NOT_RUNG)[number];
export interface WhyAgent {
  user_id: number;
  display_name: string;
  extension: string;
  /** Null: his phone was rung. */
  reason: NotRung | null;
  /** The reason of his pause, the seconds until his membership opens; empty: no more to say. */
  detail: string;
}
/** Who was rung for a call at a moment, and why the others were not. */
export interface Why {
  at: number;
  call: {
    queue_id: string;
    priority: number;
    waited_seconds: number;
    rings: number;
    needs: { skill_id: string; level: number }[];
  };
  agents: WhyAgent[];
}

export interface CustomerNumber {
  number: string;
  number_display?: string;
  label: string | null;
  place?: string | Bilingual | null;
  carrier?: string | Bilingual | null;
}
export interface Customer {
  customer_id: number;
  name: string;
  company_or_project: string | null;
  unit_or_address: string | null;
  vip: boolean;
  notes: string | null;
  language: string | null;
  numbers: CustomerNumber[];
  addresses: Address[];
  member_level: string;
  birthday: string | null;
  tags: string[];
  contracts: Contract[];
  own_fields: Record<string, OwnValue>;
  owner: CustomerOwner | null;
  last_contact_at: number | null;
  created_at: number;
  updated_at: number;
}
export interface Address {
  label: string;
  address: string;
  building: string;
  unit: string;
  room: string;
}
export const CONTRACT_KINDS = ["household", "decoration", "elevator", "membership", "other"] as const;
export interface Contract {
  contract_id: number | null;
  kind: (typeof CONTRACT_KINDS)[number];
  name: string;
  number: string;
  signed_on: string | null;
  starts_on: string | null;
  ends_on: string | null;
  warranty_until: string | null;
  in_warranty?: boolean | null;
  notes: string;
}
export type OwnValue = string | number | boolean;
export const FIELD_KINDS = ["text", "number", "date", "yes_no", "choice"] as const;
export interface OwnField {
  field_id: string;
  name_zh: string;
  name_en: string;
  kind: (typeof FIELD_KINDS)[number];
  choices: string[];
  required: boolean;
  position: number;
  removed: boolean;
}
export interface CustomerOwner {
  user_id: number;
  name: string;
  since: number;
  until: number | null;
  valid: boolean;
}
export interface OwnerCount {
  user_id: number;
  name: string;
  disabled: boolean;
  customers: number;
}
export interface OwnerSettings {
  first_contact_owns: boolean;
  owner_valid_months: number;
}
export interface CustomerPage {
  customers: Customer[];
  next: number | null;
}
export interface CustomerDraft {
  name: string;
  company_or_project: string;
  unit_or_address: string;
  vip: boolean;
  notes: string;
  language: string | null;
  numbers: { number: string; label: string }[];
  addresses?: Address[];
  member_level?: string;
  birthday?: string | null;
  tags?: string[];
  contracts?: Contract[];
  own_fields?: Record<string, OwnValue | null>;
}

export interface Agent {
  user_id: number;
  username: string;
  display_name: string;
  role: string;
  extension: string | null;
  phone_kind: PhoneKind | null;
  phone_online: boolean;
  disabled: boolean;
  queues: string[];
  state: AgentState | null;
  /** Null: never. */
  last_signed_in_at: number | null;
  /** When the account is closed if nobody uses it until then; null: it is not. */
  closes_at: number | null;
}
export interface AgentDraft {
  username: string;
  display_name: string;
  role: string;
  extension: string | null;
  phone_kind: PhoneKind | null;
  queues: string[];
}
export interface SipAccount {
  username: string;
  password: string;
  domain: string;
  port: number;
}
/** An agent after a change; `sip` when his desk phone got a new password with it, shown this once. */
export interface ChangedAgent extends Agent {
  sip?: SipAccount | null;
}
export interface NewAgent {
  agent: Agent;
  password: string;
  sip: SipAccount | null;
}

/** The agent's own day so far. Durations in seconds. */
export interface DeskDay {
  calls: number;
  rings: number;
  within_target: number;
  misses: number;
  talking_seconds: number;
  holding_seconds: number;
  wrapup_seconds: number;
  outcomes: number;
}

/** A supervisor's message as a desk shows it: plain text. `sent_by`: his name; null: he is gone. */
export interface DeskMessage {
  message_id: number;
  text: string;
  sent_at: number;
  sent_by: string | null;
}
/** The same with those it was sent to, and when each clicked it away. */
export interface SentMessage extends DeskMessage {
  to_all: boolean;
  readers: { user_id: number; display_name: string; seen_at: number | null }[];
}
/** Where an agent stands after a supervisor's act. */
export interface AgentStateNow {
  user_id: number;
  state: AgentStateName;
  since: number;
  reason: string | null;
}
/** A queue that an agent serves; only callers who have waited that long are his. */
export interface AgentQueue {
  queue_id: string;
  opens_after_seconds: number;
}

/** A recording; of a deleted one this is the proof. Times are ms since the epoch. */
export interface Recording {
  recording_id: number;
  call_id: string;
  node: string;
  started_at: number;
  seconds: number;
  bytes: number;
  sha256: string;
  queue_id: string | null;
  queue_name_zh: string | null;
  queue_name_en: string | null;
  agent_id: number | null;
  agent_name: string | null;
  caller_number: string | null;
  customer_id: number | null;
  customer_name: string | null;
  kept_until: number | null;
  held_at: number | null;
  held_by_name: string | null;
  hold_reason: string | null;
  deleted_at: number | null;
  deleted_by_name: string;
  deleted_for: "retention" | "by_hand" | "erasure" | null;
  delete_reason: string | null;
  /** When its file was seen to be gone. */
  gone_at: number | null;
}
export interface RecordingWithMarks extends Recording {
  /** Loudness 0 to 255, from the beginning to the end. */
  caller_peaks: number[];
  agent_peaks: number[];
  breaks: { offset_seconds: number; started_at: number; seconds: number; why: "paused" | "apart" }[];
  marks: { offset_seconds: number; kind: string }[];
}
export interface RecordingPage {
  recordings: Recording[];
  next: number | null;
}
