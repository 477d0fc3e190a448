/**
 * The configuration as the service has it, and what this person is changing in it.
 *
 * Drafts live as long as the application: who is called to the desk in the middle of a form finds it as he left it.
 */
import { defineStore } from "pinia";
import { computed, reactive, ref, shallowRef } from "vue";

import { api } from "../api";
import type { Configuration, ConfigurationNow } from "../api/configuration";
import { ApiError, isConflict } from "../api/errors";
import { useSession } from "../session/store";
import { useWords } from "../ui/words";
import { changed, copy, draftOf, rebase, same, type Draft } from "./drafts";
import { idOf, lacks, listOf, newObject, objectOf, type Kind, type Levels, type ListedKind, type Objects } from "./objects";

/** The id of a draft for something that is not there yet; no object can have it. */
export const NEW = "+";
const keyOf = (kind: Kind, id: string): string => `${kind}/${id}`;

export const useConfiguration = defineStore("configuration", () => {
  const whole = shallowRef<Configuration | null>(null);
  const revision = ref(0);
  const failure = ref<unknown>(null);
  /** Somebody else has changed the configuration: what is shown is old, and nothing is saved before it is loaded. */
  const overtaken = ref(false);
  const drafts = reactive(new Map<string, Draft>());
  /** Whose drafts they are: another person at this browser does not find them. */
  let owner: number | null = null;

  function take(now: ConfigurationNow): void {
    whole.value = now.configuration;
    revision.value = now.revision;
    overtaken.value = false;
    for (const [key, draft] of drafts) {
      const [kind = "", id = ""] = key.split("/");
      if (id !== NEW) drafts.set(key, rebase(draft, objectOf(now.configuration, kind as Kind, id)));
    }
    const words = useWords();
    if (words.queues.length > 0) void words.load();
  }
  async function load(): Promise<void> {
    failure.value = null;
    const person = useSession().user?.user_id ?? null;
    if (person !== owner) drafts.clear();
    owner = person;
    try {
      take(await api.configuration());
    } catch (error) {
      if (whole.value === null) failure.value = error;
      else throw error;
    }
  }

  /** Begins the draft of an object, if there is such an object and no draft yet. */
  function open(kind: Kind, id: string): void {
    const key = keyOf(kind, id);
    if (drafts.has(key) || whole.value === null) return;
    if (id === NEW) drafts.set(key, draftOf(newObject(kind as ListedKind, whole.value), true));
    else {
      const base = objectOf(whole.value, kind, id);
      if (base !== null) drafts.set(key, draftOf(base));
    }
  }
  const draft = <K extends Kind>(kind: K, id: string): Draft<Objects[K]> | null =>
    (drafts.get(keyOf(kind, id)) as Draft<Objects[K]> | undefined) ?? null;
  const drop = (kind: Kind, id: string): boolean => drafts.delete(keyOf(kind, id));
  const isChanged = (kind: Kind, id: string): boolean => {
    const found = drafts.get(keyOf(kind, id));
    return found !== undefined && changed(found);
  };
  const changedKinds = computed(() => new Set([...drafts].filter(([, one]) => changed(one)).map(([key]) => key.split("/")[0])));

  /** Sends a change made from the revision on show; the answer is the new whole. */
  async function change(verb: (revision: number) => Promise<ConfigurationNow>): Promise<void> {
    try {
      take(await verb(revision.value));
    } catch (error) {
      if (isConflict(error)) overtaken.value = true;
      throw error;
    }
  }

  /** Saves a draft and drops it; false: the form marks what is wrong with it. Returns the object's id. */
  async function save(kind: Exclude<Kind, "levels">, id: string): Promise<string | null> {
    const found = draft(kind, id);
    if (found === null || whole.value === null) return null;
    const path = kind === "general" ? "general" : `${kind}/${idOf(kind, found.value)}`;
    if (kind !== "general") {
      const taken = listOf(whole.value, kind).map((one) => idOf(kind, one));
      found.wrong = lacks(kind, found.value, taken, id === NEW);
      if (Object.keys(found.wrong).length > 0) return null;
    }
    try {
      const sent = copy(found.value);
      await change((from) => api.configure(path, from, sent));
    } catch (error) {
      if (!(error instanceof ApiError) || Object.keys(error.fields).length === 0) throw error;
      found.wrong = error.fields;
      return null;
    }
    drop(kind, id);
    return kind === "general" ? "general" : path.slice(kind.length + 1);
  }

  /** Saves the levels of each skill whose row of agents was changed. */
  async function saveLevels(): Promise<void> {
    const found = draft("levels", "all") as Draft<Levels> | null;
    if (found === null || whole.value === null) return;
    const { base } = found;
    const wanted = copy(found.value);
    for (const skill of whole.value.skills) {
      const agents = wanted[skill.skill_id] ?? {};
      if (same(base[skill.skill_id], agents)) continue;
      await change((from) => api.configure(`skills/${skill.skill_id}`, from, { ...skill, agents }));
    }
    drop("levels", "all");
  }

  async function remove(kind: ListedKind, id: string): Promise<void> {
    await change((from) => api.removeConfigured(`${kind}/${id}`, from));
    drop(kind, id);
  }
  const reorder = (queueIds: string[]): Promise<void> => change((from) => api.configure("queue-order", from, { queue_ids: queueIds }));

  return { whole, revision, failure, overtaken, load, open, draft, drop, isChanged, changedKinds, save, saveLevels, remove, reorder };
});
