/** One object's form: its draft, what is wrong with it, and the verbs at its foot. */
import { computed, onBeforeUnmount, onMounted, provide, ref, watchEffect } from "vue";
import { useI18n } from "vue-i18n";
import { useRouter } from "vue-router";

import { isConflict } from "../api/errors";
import { useSession } from "../session/store";
import { sayDone, sayWrong } from "../ui/messages";
import { sure } from "../ui/sure";
import { WRONG } from "../ui/wrong";
import { changed } from "./drafts";
import type { Kind, ListedKind } from "./objects";
import { NEW, useConfiguration } from "./store";

/** A conflict has a place of its own on the page; everything else is said at its top. */
export function sayUnlessOvertaken(error: unknown): void {
  if (!isConflict(error)) sayWrong(error);
}

/** The form of an object with a page of its own. */
export function usePageForm<K extends Exclude<Kind, "levels">>(kind: K, id: () => string) {
  const router = useRouter();
  return useObjectForm(kind, id, (saved) => {
    if (saved !== id()) void router.replace(saved === null ? `/configuration/${kind}` : `/configuration/${kind}/${saved}`);
  });
}

export function useObjectForm<K extends Exclude<Kind, "levels">>(kind: K, id: () => string, done: (savedId: string | null) => void) {
  const { t } = useI18n();
  const session = useSession();
  const store = useConfiguration();
  const working = ref(false);

  const draft = computed(() => store.draft(kind, id()));
  const value = computed(() => draft.value?.value ?? null);
  const isNew = computed(() => id() === NEW);
  const isChanged = computed(() => draft.value !== null && changed(draft.value));
  const wrong = computed(() => draft.value?.wrong ?? {});
  const mayEdit = computed(() => session.may("change_settings"));
  provide(WRONG, wrong);
  watchEffect(() => store.open(kind, id()));

  async function save(): Promise<void> {
    if (working.value || !isChanged.value || !mayEdit.value) return;
    working.value = true;
    try {
      const saved = await store.save(kind, id());
      if (saved === null) {
        requestAnimationFrame(() => document.querySelector("[data-path] .wrong")?.scrollIntoView({ block: "center" }));
        return;
      }
      sayDone(t("configuration.savedNow"));
      done(saved);
    } catch (error) {
      sayUnlessOvertaken(error);
    } finally {
      working.value = false;
    }
  }
  function discard(): void {
    store.drop(kind, id());
    if (isNew.value) done(null);
  }
  async function remove(name: string): Promise<void> {
    if (!(await sure(t("configuration.removeAsk", { name }), t("configuration.remove")))) return;
    try {
      await store.remove(kind as ListedKind, id());
      sayDone(t("configuration.removed"));
      done(null);
    } catch (error) {
      sayUnlessOvertaken(error);
    }
  }
  function onKey(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    void save();
  }
  onMounted(() => window.addEventListener("keydown", onKey));
  onBeforeUnmount(() => window.removeEventListener("keydown", onKey));

  return { draft, value, isNew, isChanged, wrong, mayEdit, working, save, discard, remove };
}
