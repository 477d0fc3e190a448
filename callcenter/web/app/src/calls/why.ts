/** "Why did nobody ring?": the wait that can be asked about, and the agents by their reasons. Pure. */
import { NOT_RUNG, type CallWithEvents, type NotRung, type WhyAgent } from "../api/types";

export interface WhyGroup {
  /** Null: their phones were rung. */
  reason: NotRung | null;
  agents: WhyAgent[];
}

/**
 * The time in which the caller was in line, from and until in milliseconds; `worst` is just before its end, when he
 * had waited longest.
 */
export function waitOf(call: CallWithEvents, now: number): { from: number; until: number; worst: number } {
  const from = call.queued_at ?? call.arrived_at;
  const until = Math.max(from, call.answered_at ?? call.ended_at ?? now);
  return { from, until, worst: Math.max(from, until - 1000) };
}

/** Those who were rung first, then the reasons in the order of how near each agent was to being rung. */
export function byReason(agents: readonly WhyAgent[]): WhyGroup[] {
  return [null, ...NOT_RUNG].map((reason) => ({ reason, agents: agents.filter((one) => one.reason === reason) })).filter((group) => group.agents.length > 0);
}
