/** What an alarm says, in the chosen language. Values are callers, seconds or per cent (callcenter/board/model.py). */
import { ringsAfter } from "../desk/rings";
import { i18n, nameOf } from "../i18n";
import { duration } from "../ui/format";
import type { AlarmRow, QueueRow } from "./board";

/** The queue's or node's name. */
export function alarmSubject(alarm: AlarmRow, queues: Record<string, QueueRow>): string {
  return alarm.kind === "node_lost" ? alarm.subject : nameOf(queues[alarm.subject]) || alarm.subject;
}

/**
 * What is wrong, and where the limit is. A longest wait is told as it is now: `oldest` is since when somebody waits
 * (null: nobody does any more), `period` the seconds from ring to ring.
 */
export function alarmText(alarm: AlarmRow, oldest: number | null, now: number, period: number | undefined): string {
  const { t } = i18n.global;
  const amount = (value: number): string => (alarm.kind === "service_level" ? `${Math.floor(value)}%` : alarm.kind === "longest_wait" ? duration(value) : String(value));
  const waited = oldest === null ? (alarm.value ?? 0) * 1000 : now - oldest;
  const said =
    alarm.kind === "longest_wait"
      ? t("board.alarm.longest_wait", { value: duration(waited / 1000), ring: ringsAfter(waited, period) })
      : t(`board.alarm.${alarm.kind}`, { value: alarm.value === null ? "—" : amount(alarm.value) });
  return alarm.threshold === null ? said : `${said}${t("board.alarm.limit", { limit: amount(alarm.threshold) })}`;
}
