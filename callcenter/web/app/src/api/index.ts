/** Every verb of the browser API, one line each. */
import { del, get, patch, post, put } from "./http";
import type * as t from "./types";

const id = encodeURIComponent;

export const api = {
  signIn: (username: string, password: string) => post<t.Session>("/session", { username, password }),
  session: () => get<t.Session>("/session"),
  signOut: () => del<null>("/session"),

  callTypes: () => get<t.CallType[]>("/call-types"),
  queues: () => get<t.Queue[]>("/queues"),

  desk: () => get<t.Desk>("/desk"),
  phone: (deskId: string) => post<t.PhoneAccount>("/desk/phone", { desk_id: deskId }),
  setState: (state: "ready" | "paused" | "signed_out", reason?: t.PauseReason) =>
    post<t.Desk>("/desk/state", reason === undefined ? { state } : { state, reason }),
  reconnectCall: () => post<unknown>("/desk/reconnect", {}),
  saveOutcome: (callId: string, outcome: t.Outcome) => put<t.Call>(`/calls/${id(callId)}/outcome`, outcome),

  calls: (query: Record<string, string | number | null | undefined>) => get<t.CallPage>("/calls", query),
  call: (callId: string) => get<t.CallWithEvents>(`/calls/${id(callId)}`),
  ringBacks: (state: "open" | "done" = "open") => get<{ ring_backs: t.RingBack[] }>("/ring-backs", { state }),
  ringBackDone: (ringBackId: number, note: string) => post<unknown>(`/ring-backs/${ringBackId}/done`, { note }),

  customers: (query: Record<string, string | number | null | undefined>) => get<t.CustomerPage>("/customers", query),
  customer: (customerId: number) => get<t.Customer>(`/customers/${customerId}`),
  makeCustomer: (customer: t.CustomerDraft) => post<t.Customer>("/customers", customer),
  changeCustomer: (customerId: number, customer: t.CustomerDraft & { updated_at?: number | undefined }) =>
    put<t.Customer>(`/customers/${customerId}`, customer),

  agents: () => get<t.Agent[]>("/agents"),
  makeAgent: (agent: t.AgentDraft) => post<t.NewAgent>("/agents", agent),
  changeAgent: (userId: number, change: Partial<t.AgentDraft> & { disabled?: boolean }) =>
    patch<t.ChangedAgent>(`/agents/${userId}`, change),
  resetPassword: (userId: number) => post<{ password: string }>(`/agents/${userId}/password`),
  resetPhoneSecret: (userId: number) => post<t.SipAccount>(`/agents/${userId}/phone-secret`),
};
