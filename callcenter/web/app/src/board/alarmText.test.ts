import { beforeAll, expect, it } from "vitest";

import { i18n, useLocale } from "../i18n";
import { alarmSubject, alarmText } from "./alarmText";
import { alarmRow, queueRow } from "./boards";

const queues = { repair: queueRow({ queue_id: "repair", name_zh: "报修" }) };

beforeAll(async () => {
  Object.assign(globalThis, { document: { documentElement: {} } });
  await useLocale("zh-CN", false);
  expect(i18n.global.locale.value).toBe("zh-CN");
});

it("says what is wrong, of whom, and where the limit is", () => {
  expect(alarmSubject(alarmRow({ subject: "repair" }), queues)).toBe("报修");
  expect(alarmText(alarmRow({ value: 6, threshold: 5 }), null, 0, 5)).toBe("6 人在等（阈值 5）");
  expect(alarmText(alarmRow({ kind: "service_level", value: 74.9, threshold: 80 }), null, 0, 5)).toBe("服务水平 74%（阈值 80%）");
});
it("counts a longest wait on, in time and in rings", () => {
  const alarm = alarmRow({ kind: "longest_wait", value: 45, threshold: 45 });
  expect(alarmText(alarm, 10_000, 62_000, 5)).toBe("最久等了 0:52，第 11 声（阈值 0:45）");
  expect(alarmText(alarm, null, 62_000, 5), "nobody waits any more").toBe("最久等了 0:45，第 10 声（阈值 0:45）");
});
it("tells of a queue that is gone, and of a node, by their ids", () => {
  expect(alarmSubject(alarmRow({ subject: "gone" }), queues)).toBe("gone");
  const lost = alarmRow({ kind: "node_lost", subject: "node2", value: null, threshold: null });
  expect([alarmSubject(lost, queues), alarmText(lost, null, 0, 5)]).toEqual(["node2", "节点中断"]);
});
