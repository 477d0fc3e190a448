/** What the desk shows, decided from what the service and the phone say. Pure. */
import type { AgentStateName, Desk, DeskCall, DeskState, PauseReason } from "../api/types";
import type { CallState, LineState } from "../phone/model";
import { APOLOGY_RINGS, RING_SECONDS, TARGET_RINGS } from "./rings";

/** Where a call is, for the person at the desk. */
export type Phase = "incoming" | "answering" | "calling" | "talking" | "held" | "reconnecting" | "ended";

/** Joins the service's view of a call with the phone's: the phone knows sooner, the service knows longer. */
export function phaseOf(call: DeskCall, phone: CallState, phoneHasIt: boolean, reconnecting: boolean): Phase {
  const calling = call.callback?.calling === true && call.answered_at === null && call.ended_at === null;
  if (phoneHasIt) {
    if (calling && (phone === "talking" || phone === "answering")) return "calling";
    if (phone === "talking") return "talking";
    if (phone === "held") return "held";
    if (phone === "answering") return "answering";
    if (phone === "ringing") return reconnecting ? "reconnecting" : "incoming";
  }
  if (call.ended_at !== null) return "ended";
  if (call.reconnecting || reconnecting) return "reconnecting";
  if (calling) return "calling";
  if (call.answered_at === null) return phone === "ending" && phoneHasIt ? "ended" : "incoming";
  return call.held_at === null ? "talking" : "held";
}

/**
 * Whether this page must ask for its call back: the service says that the agent talks, and this page's phone, though
 * registered, has never had that call (the page was reloaded, or the desk was taken over from another page).
 */
export function shouldReconnect(
  desk: Desk,
  line: LineState,
  phone: CallState,
  phoneCallId: string | null,
  asked: string | null,
): boolean {
  const call = desk.call;
  return (
    call !== null &&
    desk.agent.phone_kind === "browser" &&
    desk.state.name === "talking" &&
    call.ended_at === null &&
    line === "online" &&
    phone === "idle" &&
    phoneCallId !== call.call_id &&
    asked !== call.call_id
  );
}

/**
 * The desk with an end for a call that is in wrap-up: the phone's end is told before the trunk's, and until that comes
 * the call ended when wrap-up began. Returns the same object when there is nothing to add.
 */
export function withEnd(desk: Desk): Desk {
  if (desk.state.name !== "wrapup" || desk.call === null || desk.call.ended_at !== null) return desk;
  return { ...desk, call: { ...desk.call, ended_at: desk.state.since } };
}

/**
 * The call with the end that the phone has seen, when the service still takes it for a conversation (it is away, or a
 * moment late). A call that is rung again, here or elsewhere, is none.
 */
export function withPhoneEnd(call: DeskCall, phone: CallState, phoneCallId: string | null, endedAt: number | null): DeskCall {
  const over = phone === "idle" && phoneCallId === call.call_id && endedAt !== null;
  if (!over || call.ended_at !== null || call.status !== "talking" || call.reconnecting) return call;
  return { ...call, ended_at: Math.max(endedAt, call.answered_at ?? endedAt) };
}

/** What an agent may ask for himself; being paused already, he may still change the reason. */
export function mayGo(to: "ready" | "paused" | "signed_out", from: AgentStateName): boolean {
  if (to === from) return to === "paused";
  return from === "ready" || from === "paused" || from === "signed_out" || from === "wrapup";
}

/** Seconds of wrap-up that are left (0: time is over); null: there is no limit, or no wrap-up. */
export function wrapupLeft(state: DeskState, now: number): number | null {
  if (state.name !== "wrapup" || state.until === null) return null;
  return Math.max(0, Math.ceil((state.until - now) / 1000));
}

/** The longest time of the pause an agent is in, in seconds, and whether he is over it; null: any time will do. */
export function pauseLimit(state: DeskState, reasons: readonly PauseReason[], now: number): { seconds: number; over: boolean } | null {
  if (state.name !== "paused") return null;
  const seconds = reasons.find((one) => one.code === state.reason)?.longest_seconds ?? null;
  return seconds === null ? null : { seconds, over: now - state.since > seconds * 1000 };
}

/** The card of a call that only the phone knows (the service is away). */
export function localCard(invite: { callId: string | null; number: string; name: string }, now: number): DeskCall {
  const anonymous = invite.number === "" || invite.number.toLowerCase() === "anonymous";
  return {
    call_id: invite.callId ?? `phone-${now}`,
    offer_id: null,
    number: anonymous ? null : invite.number,
    number_e164: null,
    caller_name: invite.name || null,
    anonymous,
    place: null,
    carrier: null,
    customers: [],
    chosen: null,
    queue: null,
    status: "offered",
    arrived_at: now,
    offered_at: now,
    ringing_at: now,
    answered_at: null,
    held_at: null,
    ended_at: null,
    rings: 1,
    last_ring_in_time: TARGET_RINGS,
    apology_ring: APOLOGY_RINGS,
    ring_period_seconds: RING_SECONDS,
    response_seconds: null,
    priority: 0,
    menu_keys_names: [],
    kinds: [],
    callback: null,
    others: [],
    hung_up_by: null,
    reconnecting: false,
    transfer: null,
    consult: null,
    recent_calls: [],
    call_type: null,
    notes: null,
    next_step: null,
    outcome: null,
  };
}

/** A random name for this page, also on pages that are not on https (where randomUUID is missing). */
export function newDeskId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
