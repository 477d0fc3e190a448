import { expect, it } from "vitest";

import { detailRows, linkOf } from "./links";

it("leads to the object's page", () => {
  expect(linkOf({ object_kind: "customer", object_id: "12" })).toBe("/customers/12");
  expect(linkOf({ object_kind: "queue", object_id: "service" })).toBe("/configuration/queues/service");
  expect(linkOf({ object_kind: "user", object_id: "3" })).toBe("/agents");
  expect(linkOf({ object_kind: "customer", object_id: "javascript:alert(1)" })).toBeNull();
  expect(linkOf({ object_kind: "alarm", object_id: "x" })).toBeNull();
});
it("shows a change as what was and what is", () => {
  expect(detailRows({ action: "agent.changed", detail: { role: ["agent", "supervisor"], queues: [["a"], []] } })).toEqual([
    { name: "role", was: "agent", is: "supervisor" },
    { name: "queues", was: "a", is: "—" },
  ]);
  expect(detailRows({ action: "customer.changed", detail: { changed: { name: ["a", "b"] } } })).toEqual([{ name: "name", was: "a", is: "b" }]);
});
it("takes a pair that is no change for what it is", () => {
  expect(detailRows({ action: "role.changed", detail: { given: ["watch", "listen"], taken: [] } })).toEqual([
    { name: "given", was: undefined, is: "watch, listen" },
    { name: "taken", was: undefined, is: "—" },
  ]);
  expect(detailRows({ action: "customer.changed", detail: { fields: ["name", "vip"] } })).toEqual([{ name: "fields", was: undefined, is: "name, vip" }]);
  expect(detailRows({ action: "board.read", detail: {} })).toEqual([]);
});
