import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { api } from "../api";
import type { Configuration, ConfigurationNow } from "../api/configuration";
import { ApiError } from "../api/errors";
import { useSession } from "../session/store";
import { newObject } from "./objects";
import { NEW, useConfiguration } from "./store";

const words = { zh: "", en: "" };
const empty: Configuration = { version: 1, name: "", cadence: null, priority_step_seconds: 60, repeat_priority: 1, caller_rules: [], short_abandon_seconds: 5, leave_out_short: true, tell_listened: false, node_lost_alarm: true, webhook_url: "", first_contact_owns: false, owner_valid_months: 2, queues: [], menus: [], hours: [], skills: [], pause_reasons: [] };
const main = { ...newObject("queues", empty), queue_id: "main", name_zh: "总机", name_en: "Main" };
const skill = { name_zh: "电梯", name_en: "Lifts" };
const now = (revision: number, change: Partial<Configuration> = {}): ConfigurationNow => ({
  revision,
  configuration: { ...empty, queues: [main], skills: [{ skill_id: "lifts", ...skill, agents: { alice: 3 } }, { skill_id: "english", ...skill, agents: null }], ...change },
});

describe("the configuration on show", () => {
  const configure = vi.spyOn(api, "configure");
  const load = vi.spyOn(api, "configuration");
  beforeEach(() => {
    setActivePinia(createPinia());
    configure.mockReset();
    load.mockReset().mockResolvedValue(now(7));
  });

  it("saves a draft from the revision it was made from, and drops it", async () => {
    const store = useConfiguration();
    await store.load();
    store.open("queues", "main");
    const draft = store.draft("queues", "main");
    if (draft !== null) draft.value.priority = 2;
    expect(store.isChanged("queues", "main")).toBe(true);
    configure.mockResolvedValue(now(8, { queues: [{ ...main, priority: 2 }] }));
    expect(await store.save("queues", "main")).toBe("main");
    expect(configure).toHaveBeenCalledWith("queues/main", 7, { ...main, priority: 2 });
    expect([store.revision, store.draft("queues", "main"), store.changedKinds.size]).toEqual([8, null, 0]);
  });

  it("keeps what was typed when somebody else was quicker, and takes in what he changed", async () => {
    const store = useConfiguration();
    await store.load();
    store.open("queues", "main");
    const draft = store.draft("queues", "main");
    if (draft !== null) draft.value.priority = 2;
    configure.mockRejectedValueOnce(new ApiError("conflict", 409, words, false));
    await expect(store.save("queues", "main")).rejects.toThrow();
    expect(store.overtaken).toBe(true);
    load.mockResolvedValue(now(8, { queues: [{ ...main, owner_rings: 3, priority: 1 }] }));
    await store.load();
    expect(store.overtaken).toBe(false);
    expect(store.draft("queues", "main")).toMatchObject({ value: { priority: 2, owner_rings: 3 }, clashes: ["priority"] });
    configure.mockResolvedValue(now(9));
    await store.save("queues", "main");
    expect(configure.mock.lastCall?.[1]).toBe(8);
  });

  it("marks what the service refuses, and what a new object lacks without asking it", async () => {
    const store = useConfiguration();
    await store.load();
    store.open("queues", NEW);
    expect(await store.save("queues", NEW)).toBeNull();
    expect(configure).not.toHaveBeenCalled();
    Object.assign(store.draft("queues", NEW)?.value ?? {}, { queue_id: "night", name_zh: "夜", name_en: "Night" });
    configure.mockRejectedValueOnce(new ApiError("invalid_input", 400, words, false, { "needs.0.level": words }));
    expect(await store.save("queues", NEW)).toBeNull();
    expect(store.draft("queues", NEW)?.wrong).toEqual({ "needs.0.level": words });
  });

  it("saves only the skills whose levels were changed", async () => {
    const store = useConfiguration();
    await store.load();
    store.open("levels", "all");
    const draft = store.draft("levels", "all");
    if (draft !== null) draft.value["english"] = { bob: 5 };
    configure.mockResolvedValue(now(8));
    await store.saveLevels();
    expect(configure.mock.calls).toEqual([["skills/english", 7, { skill_id: "english", ...skill, agents: { bob: 5 } }]]);
  });

  it("does not show one person's drafts to another", async () => {
    const store = useConfiguration();
    await store.load();
    store.open("queues", NEW);
    useSession().user = { user_id: 5, username: "b", display_name: "b", role: "administrator", role_name: { zh: "管理员", en: "Administrator" }, extension: null, phone_kind: null, permissions: ["change_settings", "read_settings"] };
    await store.load();
    expect(store.draft("queues", NEW)).toBeNull();
  });
});
