/** What a supervisor may do from the board: which acts a row has, and the letters for them. Pure. */
import type { AgentStateName } from "../api/types";
import type { AgentRow, CallRow } from "./board";

export type Act =
  | "listen" | "whisper" | "barge" | "move" | "priority" | "takeOver" | "end" | "customer" | "dropCallback"
  | "ready" | "pause" | "signOut" | "free" | "queues" | "skills" | "message"
  | "only" | "settings";

/** The letter of an act, by the key's place on the board (so that no layout or input method matters). */
export const LETTER: Readonly<Record<Act, string>> = {
  listen: "L", whisper: "W", barge: "B", move: "M", priority: "P", takeOver: "T", end: "E", customer: "C", dropCallback: "E",
  ready: "R", pause: "Z", signOut: "O", free: "F", queues: "Q", skills: "K", message: "N",
  only: "V", settings: "S",
};
/** Acts that cannot be taken back; each is asked about once. */
export const DANGEROUS: ReadonlySet<Act> = new Set(["takeOver", "end", "dropCallback", "signOut", "free"]);

/** What may be done about a call; `phone`: this person has one, to take calls over and to listen with. */
export function actsOfCall(call: CallRow, phone: boolean): Act[] {
  const acts: Act[] = [];
  if (call.place === "talking" && phone) acts.push("listen", "whisper", "barge");
  if (call.place === "waiting" || call.place === "offered") acts.push("priority");
  if (call.place === "waiting" || call.place === "talking" || call.place === "callback") acts.push("move");
  if (phone && (call.place === "waiting" || call.place === "offered" || call.place === "talking")) acts.push("takeOver");
  if (call.customer_id !== null) acts.push("customer");
  acts.push(call.place === "callback" ? "dropCallback" : "end");
  return acts;
}

const STATE_ACTS: Readonly<Record<AgentStateName, Act[]>> = {
  signed_out: [],
  ready: ["pause", "signOut"],
  offered: ["free"],
  ringing: ["free"],
  talking: ["free"],
  wrapup: ["ready", "pause", "signOut", "free"],
  paused: ["ready", "pause", "signOut"],
};
/** What may be done about an agent and the call that he has. */
export function actsOfAgent(agent: AgentRow, call: CallRow | undefined, phone: boolean): Act[] {
  const own = STATE_ACTS[agent.state];
  const calls = call === undefined ? [] : actsOfCall(call, phone).filter((act) => act !== "dropCallback");
  return [...calls, ...own, ...(agent.state === "signed_out" ? [] : (["message"] as Act[])), "queues", "skills"];
}
export const ACTS_OF_QUEUE: readonly Act[] = ["only", "priority", "settings"];

export interface LetterPress {
  code: string;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  repeat: boolean;
}
/** The act that a key press means, among those there are. */
export function actOfKey(press: LetterPress, acts: readonly Act[]): Act | null {
  if (press.repeat || press.altKey || press.ctrlKey || press.metaKey || press.shiftKey) return null;
  return acts.find((act) => press.code === `Key${LETTER[act]}`) ?? null;
}
