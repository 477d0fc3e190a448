/** To whom a caller can be given, as a list to choose from by typing. Pure. */
import type { AgentStateName, TransferTargets, TransferTo } from "../api/types";

export type Target =
  | { kind: "agent"; key: string; name: string; extension: string; state: AgentStateName; free: boolean; to: Partial<TransferTo> }
  | { kind: "queue"; key: string; name: string; waiting: number; ready: number; free: true; to: Partial<TransferTo> }
  | { kind: "number"; key: string; name: string; free: true; to: Partial<TransferTo> };

const NUMBER = /^\+?[0-9][0-9 -]{4,19}$/;

/** What fits the words that were typed: those who are ready first, queues after them, a number where it is one. */
export function targetsFor(typed: string, all: TransferTargets, language: string): Target[] {
  const wanted = typed.trim().toLowerCase();
  const fits = (...texts: string[]): boolean => wanted === "" || texts.some((text) => text.toLowerCase().includes(wanted));
  const agents = all.agents
    .filter((one) => fits(one.display_name, one.extension))
    .map<Target>((one) => ({
      kind: "agent",
      key: `agent-${one.user_id}`,
      name: one.display_name,
      extension: one.extension,
      state: one.state,
      free: one.state === "ready" && one.online,
      to: { user_id: one.user_id },
    }));
  const queues = all.queues
    .filter((one) => fits(one.name_zh, one.name_en))
    .map<Target>((one) => ({
      kind: "queue",
      key: `queue-${one.queue_id}`,
      name: language === "en" ? one.name_en : one.name_zh,
      waiting: one.waiting,
      ready: one.ready,
      free: true,
      to: { queue_id: one.queue_id },
    }));
  const number: Target[] = NUMBER.test(typed.trim())
    ? [{ kind: "number", key: "number", name: typed.trim(), free: true, to: { number: typed.trim() } }]
    : [];
  return [...agents, ...queues, ...number];
}

/** The one that Enter takes at first: the first who could take the caller. */
export function firstFree(targets: readonly Target[]): number {
  return Math.max(
    0,
    targets.findIndex((one) => one.free),
  );
}
