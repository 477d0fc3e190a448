/** Alarms: which still call for somebody, their sound, and whether this person has muted it. */
import { computed, onMounted, onScopeDispose, ref, watch, type ComputedRef, type Ref } from "vue";

import { chime, soundAllowed, unlockSound } from "../phone/audio";
import { usePhone } from "../phone/store";
import type { AlarmRow } from "./board";
import { useBoard } from "./store";

export interface Alarm extends AlarmRow {
  key: string;
}
const MUTED = "callcenter.board.muted";
/** An alarm that nobody acknowledged sounds again after so long. */
const AGAIN_MS = 30_000;
const ALARM_LOUDNESS = 0.25;

/** Those that nobody acknowledged first, then those that began last. Pure. */
export function alarmsInOrder(rows: Record<string, AlarmRow>): Alarm[] {
  return Object.entries(rows)
    .map(([key, row]) => ({ ...row, key }))
    .sort((a, b) => Number(a.acknowledged_by !== null) - Number(b.acknowledged_by !== null) || b.since - a.since || (a.key < b.key ? -1 : 1));
}

export interface Alarms {
  all: ComputedRef<Alarm[]>;
  muted: Ref<boolean>;
  /** The browser plays nothing yet: the page has to be touched once. */
  silenced: Ref<boolean>;
}

/** The board's alarms with their sound, for as long as the component lives. No sound while this person talks. */
export function useAlarms(): Alarms {
  const store = useBoard();
  const phone = usePhone();
  const muted = ref(localStorage.getItem(MUTED) === "true");
  const silenced = ref(false);
  const all = computed(() => alarmsInOrder(store.alarms));
  const calling = computed(() => (store.staleAt !== null ? [] : all.value.filter((one) => one.acknowledged_by === null)));
  let timer: ReturnType<typeof setInterval> | undefined;

  function sound(): void {
    if (!muted.value && phone.call === "idle") chime(ALARM_LOUDNESS);
    silenced.value = !soundAllowed();
  }
  function touched(): void {
    unlockSound();
    silenced.value = false;
  }
  watch(
    () => calling.value.map((one) => one.key),
    (keys, before = []) => {
      clearInterval(timer);
      if (keys.length === 0) return;
      if (keys.some((key) => !before.includes(key))) sound();
      timer = setInterval(sound, AGAIN_MS);
    },
    { immediate: true },
  );
  watch(muted, (now) => {
    localStorage.setItem(MUTED, String(now));
    if (!now) touched();
  });
  onMounted(() => {
    for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, touched, { once: true });
  });
  onScopeDispose(() => {
    clearInterval(timer);
    for (const kind of ["pointerdown", "keydown"]) window.removeEventListener(kind, touched);
  });
  return { all, muted, silenced };
}
