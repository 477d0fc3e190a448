/** Every verb of the browser API, one line each. */
import type { OtherDays } from "../board/figures";
import type * as c from "./configuration";
import type * as f from "./forms";
import { BASE, del, get, patch, post, put, queryString } from "./http";
import type * as t from "./types";

const id = encodeURIComponent;

export const api = {
  signIn: (username: string, password: string) => post<t.Session>("/session", { username, password }),
  session: () => get<t.Session>("/session"),
  signOut: () => del<null>("/session"),
  changePassword: (oldPassword: string, newPassword: string) =>
    put<null>("/session/password", { old_password: oldPassword, new_password: newPassword }),

  callTypes: () => get<t.CallType[]>("/call-types"),
  forms: () => get<f.FormsNow>("/forms"),
  form: (callType: string, version: number) => get<f.CallForm>(`/forms/${id(callType)}/${version}`),
  putCallType: (code: string, type: f.CallTypeDraft) => put<t.CallType>(`/call-types/${id(code)}`, type),
  orderCallTypes: (codes: string[]) => put<null>("/call-types-order", { codes }),
  putCallWords: (revision: number, words: f.CallWords) => put<null>("/call-words", { revision, words }),
  queues: () => get<t.Queue[]>("/queues"),

  desk: () => get<t.Desk>("/desk"),
  deskDay: () => get<t.DeskDay>("/desk/day"),
  phone: (deskId: string) => post<t.PhoneAccount>("/desk/phone", { desk_id: deskId }),
  setState: (state: "ready" | "paused" | "signed_out", reason?: string) =>
    post<t.Desk>("/desk/state", reason === undefined ? { state } : { state, reason }),
  extendWrapup: () => post<t.Desk>("/desk/wrapup/extend"),
  pauseReasons: () => get<t.PauseReason[]>("/pause-reasons"),
  reconnectCall: () => post<unknown>("/desk/reconnect", {}),
  saveOutcome: (callId: string, outcome: t.Outcome) => put<unknown>(`/calls/${id(callId)}/outcome`, outcome),
  draft: (callId: string) => get<{ draft: t.Outcome | null; written_at: number | null }>(`/calls/${id(callId)}/draft`),
  keepDraft: (callId: string, draft: t.Outcome) => put<{ written_at: number }>(`/calls/${id(callId)}/draft`, draft),
  dropDraft: (callId: string) => del<null>(`/calls/${id(callId)}/draft`),
  unwritten: () => get<t.UnwrittenCall[]>("/desk/unwritten"),
  transferTargets: () => get<t.TransferTargets>("/desk/transfer/targets"),
  transfer: (to: t.TransferTo) => post<unknown>("/desk/transfer", to),
  consult: (to: t.TransferTo) => post<unknown>("/desk/consult", to),
  completeConsult: () => post<unknown>("/desk/consult/complete", {}),
  endConsult: () => post<unknown>("/desk/consult/back", {}),

  calls: (query: Record<string, string | number | null | undefined>) => get<t.CallPage>("/calls", query),
  call: (callId: string) => get<t.CallWithEvents>(`/calls/${id(callId)}`),
  ringBacks: (state: "open" | "done" = "open") => get<{ ring_backs: t.RingBack[] }>("/ring-backs", { state }),
  ringBackDone: (ringBackId: number, note: string) => post<unknown>(`/ring-backs/${ringBackId}/done`, { note }),
  callbacks: () => get<t.WaitingCallback[]>("/callbacks"),
  dropCallback: (callId: string) => del<unknown>(`/callbacks/${id(callId)}`),
  why: (callId: string, at: number) => get<t.Why>(`/calls/${id(callId)}/why`, { at: Math.round(at) }),
  /** Where the recording of a caller's message is; fetching it marks it as heard. */
  messageAddress: (callId: string) => `${BASE}/messages/${id(callId)}`,

  recordings: {
    atDesk: (state: "on" | "paused" | "off") => post<null>("/desk/recording", { state }),
    ofCall: (callId: string) => get<t.RecordingWithMarks[]>(`/calls/${id(callId)}/recordings`),
    list: (query: Record<string, string | number | null>) => get<t.RecordingPage>("/recordings", query),
    /** Fetching it is audited as listening; the download as one. */
    soundAddress: (recordingId: number) => `${BASE}/recordings/${recordingId}/sound`,
    downloadAddress: (recordingId: number) => `${BASE}/recordings/${recordingId}/download`,
    hold: (recordingId: number, reason: string) => put<t.Recording>(`/recordings/${recordingId}/hold`, { reason }),
    release: (recordingId: number) => del<t.Recording>(`/recordings/${recordingId}/hold`),
    remove: (recordingId: number, reason: string) => post<t.Recording>(`/recordings/${recordingId}/deletion`, { reason }),
  },
  startListening: (callId: string, mode: t.ListenMode) => post<t.ListeningNow>("/listening", { call_id: callId, mode }),
  changeListening: (listeningId: string, mode: t.ListenMode) => put<t.ListeningNow>(`/listening/${id(listeningId)}`, { mode }),
  stopListening: (listeningId: string) => del<null>(`/listening/${id(listeningId)}`),

  customers: (query: Record<string, string | number | null | undefined>) => get<t.CustomerPage>("/customers", query),
  customer: (customerId: number) => get<t.Customer>(`/customers/${customerId}`),
  chooseCustomer: (callId: string, customerId: number) => post<null>("/desk/customer", { call_id: callId, customer_id: customerId }),
  ownFields: () => get<t.OwnField[]>("/customer-fields"),
  putOwnField: ({ field_id, name_zh, name_en, kind, choices, required, position }: t.OwnField) =>
    put<t.OwnField>(`/customer-fields/${id(field_id)}`, { name_zh, name_en, kind, choices, required, position }),
  removeOwnField: (fieldId: string) => del<null>(`/customer-fields/${id(fieldId)}`),
  ownerSettings: () => get<t.OwnerSettings>("/customer-settings"),
  putOwnerSettings: (settings: t.OwnerSettings) => put<t.OwnerSettings>("/customer-settings", settings),
  owners: () => get<t.OwnerCount[]>("/customer-owners"),
  handOver: (userId: number, to: number[]) => post<{ given: Record<string, number>; left: number }>(`/customer-owners/${userId}/hand-over`, { to }),
  assignCustomer: (customerId: number, userId: number | null, reason: string) =>
    put<t.Customer>(`/customers/${customerId}/owner`, { user_id: userId, reason }),
  makeCustomer: (customer: Partial<t.CustomerDraft> & { name: string; call_id?: string }) => post<t.Customer>("/customers", customer),
  changeCustomer: (customerId: number, customer: Partial<t.CustomerDraft> & { updated_at?: number | undefined }) =>
    put<t.Customer>(`/customers/${customerId}`, customer),

  agents: () => get<t.Agent[]>("/agents"),
  makeAgent: (agent: t.AgentDraft) => post<t.NewAgent>("/agents", agent),
  changeAgent: (userId: number, change: Partial<t.AgentDraft> & { disabled?: boolean }) =>
    patch<t.ChangedAgent>(`/agents/${userId}`, change),
  resetPassword: (userId: number) => post<{ password: string }>(`/agents/${userId}/password`),
  resetPhoneSecret: (userId: number) => post<t.SipAccount>(`/agents/${userId}/phone-secret`),

  configuration: () => get<c.ConfigurationNow>("/configuration"),
  /** Makes or replaces one object of a kind; `path` is `queues/main`, `general` and the like. */
  configure: (path: string, revision: number, value: unknown) =>
    put<c.ConfigurationNow>(`/configuration/${path}${queryString({ revision })}`, value),
  removeConfigured: (path: string, revision: number) =>
    del<c.ConfigurationNow>(`/configuration/${path}${queryString({ revision })}`),
  hoursDays: (hoursId: string, first: string, count: number) =>
    get<c.HoursDay[]>(`/configuration/hours/${id(hoursId)}/days`, { first, count }),
  configurationFileAddress: `${BASE}/configuration/file`,
  previewConfiguration: (yaml: string) => post<c.Imported>("/configuration/file?dry_run=true", { yaml }),
  importConfiguration: (yaml: string, revision: number) => post<c.Imported>(`/configuration/file${queryString({ revision })}`, { yaml }),
  profiles: () => get<c.Profile[]>("/configuration/profiles"),
  profile: (name: string) => get<c.Profile & { yaml: string }>(`/configuration/profiles/${id(name)}`),

  blockedCallers: () => get<c.BlockedCaller[]>("/blocked-callers"),
  blockCaller: (number: string, reason: string, blockedUntil: number | null) =>
    post<unknown>("/blocked-callers", { number, reason, blocked_until: blockedUntil }),
  unblockCaller: (number: string) => del<unknown>(`/blocked-callers/${id(number)}`),

  deskMessages: () => get<t.DeskMessage[]>("/desk/messages"),
  messageSeen: (messageId: number) => post<null>(`/desk/messages/${messageId}/seen`),

  board: {
    otherDays: () => get<OtherDays>("/board/days"),
    acknowledge: (alarm: string) => post<unknown>(`/board/alarms/${id(alarm)}/acknowledge`),
  },

  /** What a supervisor does to agents and calls; each is refused with a text that says what to do instead. */
  supervision: {
    setState: (userId: number, state: "ready" | "paused" | "signed_out", reason?: string) =>
      post<t.AgentStateNow>(`/supervision/agents/${userId}/state`, reason === undefined ? { state } : { state, reason }),
    free: (userId: number) => post<t.AgentStateNow>(`/supervision/agents/${userId}/free`),
    move: (callId: string, to: { queue_id: string } | { user_id: number }) => post<null>(`/supervision/calls/${id(callId)}/move`, to),
    priority: (callId: string, priority: number) => post<null>(`/supervision/calls/${id(callId)}/priority`, { priority }),
    takeOver: (callId: string) => post<null>(`/supervision/calls/${id(callId)}/take-over`),
    end: (callId: string) => post<null>(`/supervision/calls/${id(callId)}/end`),
    setQueues: (userId: number, queues: t.AgentQueue[]) => put<null>(`/supervision/agents/${userId}/queues`, { queues }),
    setSkills: (userId: number, skills: Record<string, number>) => put<null>(`/supervision/agents/${userId}/skills`, { skills }),
    setQueuePriority: (queueId: string, priority: number) => put<null>(`/supervision/queues/${id(queueId)}/priority`, { priority }),
    message: (text: string, userIds: number[] | null) => post<t.DeskMessage>("/supervision/messages", { text, user_ids: userIds }),
    messages: () => get<t.SentMessage[]>("/supervision/messages"),
  },

  prompts: () => get<c.Prompt[]>("/prompts"),
  setPromptText: (name: string, language: c.PromptLanguage, text: string) => put<unknown>(`/prompts/${id(name)}/${language}`, { text }),
  setPromptRecording: (name: string, language: c.PromptLanguage, recording: Blob) =>
    put<unknown>(`/prompts/${id(name)}/${language}/recording`, recording.type === "" ? new Blob([recording], { type: "audio/wav" }) : recording),
  resetPrompt: (name: string, language: c.PromptLanguage) => del<unknown>(`/prompts/${id(name)}/${language}`),
  promptAddress: (name: string, language: c.PromptLanguage) => `${BASE}/prompts/${id(name)}/${language}/sound`,
};
