/** One row of a list has the focus; arrows move it, and it is not lost when rows come, go and change places. */
import { computed, nextTick, onBeforeUpdate, onUpdated, ref, type Ref } from "vue";

const PAGE = 10;

/** Where a key leads from `at` in a list of `count`; null: the key is not about moving. Pure. */
export function movedTo(code: string, at: number, count: number): number | null {
  const moves: Readonly<Record<string, number>> = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + PAGE, PageUp: at - PAGE, Home: 0, End: count - 1 };
  const to = moves[code];
  return to === undefined || count === 0 ? null : Math.min(count - 1, Math.max(0, to));
}

export interface Roving {
  /** The row that Tab reaches. */
  current: Ref<string>;
  /** Moves by a key; true when it was one that moves. */
  move(press: KeyboardEvent): boolean;
  focus(): void;
}

/** Rows are found in `list` by their `data-key`, and stand in the order of `keys`. */
export function useRoving(list: Ref<HTMLElement | null>, keys: Ref<string[]>): Roving {
  const wanted = ref("");
  let place = 0;
  let had = false;
  const current = computed(() => (keys.value.includes(wanted.value) ? wanted.value : (keys.value[Math.min(place, keys.value.length - 1)] ?? "")));
  const element = (): HTMLElement | null => list.value?.querySelector<HTMLElement>(`[data-key="${CSS.escape(current.value)}"]`) ?? null;
  function go(to: number): void {
    wanted.value = keys.value[to] ?? "";
    place = to;
    void nextTick(() => element()?.focus());
  }
  onBeforeUpdate(() => {
    had = list.value?.contains(document.activeElement) === true && document.activeElement !== list.value;
  });
  onUpdated(() => {
    if (had && (document.activeElement === document.body || document.activeElement === null)) element()?.focus();
  });
  return {
    current: computed({
      get: () => current.value,
      set: (key) => {
        wanted.value = key;
        place = Math.max(0, keys.value.indexOf(key));
      },
    }),
    move(press) {
      if (press.altKey || press.ctrlKey || press.metaKey || press.shiftKey) return false;
      const to = movedTo(press.code, keys.value.indexOf(current.value), keys.value.length);
      if (to === null) return false;
      press.preventDefault();
      go(to);
      return true;
    },
    focus: () => element()?.focus(),
  };
}
