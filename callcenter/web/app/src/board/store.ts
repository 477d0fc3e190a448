/**
 * The board of this browser: what the service told last, whether that may be old, and what this person chose to see.
 *
 * Runs while a page shows it. Nothing is kept but the latest board and the days it is measured against.
 */
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch, type Ref } from "vue";

import { api } from "../api";
import { whenAwake } from "../api/awake";
import { serverNow } from "../api/clock";
import { openSocket, type LiveStatus } from "../api/live";
import { useSeconds } from "../ui/now";
import { empty, type Board } from "./board";
import { periodOf, summaries, type OtherDays } from "./figures";
import { LiveBoard } from "./live";

/** Changes that come closer together are shown as one. */
const SHOW_EVERY_MS = 100;
/** A socket that is not open for so long makes what is shown old. */
const STALE_MS = 1000;
const SHORT_REMEMBERED = "callcenter.board.short";

export const useBoard = defineStore("board", () => {
  const board = shallowRef<Board>(empty());
  /** Whether the service has told a board at all. */
  const known = ref(false);
  const status = ref<LiveStatus>("stopped");
  /** Since when what is shown may be old; null while it is the truth. */
  const staleAt = ref<number | null>(null);
  const otherDays = shallowRef<OtherDays | null>(null);
  /** Whether this person leaves short abandons out; null: as it is set. */
  const shortChoice = ref<boolean | null>(readChoice());

  let socket: LiveBoard | null = null;
  let pages = 0;
  let next: Board | null = null;
  let shownAt = 0;
  let showTimer: ReturnType<typeof setTimeout> | undefined;
  let staleTimer: ReturnType<typeof setTimeout> | undefined;
  let sleepless: () => void = () => undefined;

  function show(): void {
    clearTimeout(showTimer);
    showTimer = undefined;
    shownAt = Date.now();
    if (next !== null) board.value = next;
    next = null;
    known.value = true;
  }
  function take(told: Board): void {
    next = told;
    const wait = shownAt + SHOW_EVERY_MS - Date.now();
    if (wait <= 0 || wait > SHOW_EVERY_MS) show();
    else showTimer ??= setTimeout(show, wait);
  }
  function follow(now: LiveStatus): void {
    status.value = now;
    if (now === "open") {
      clearTimeout(staleTimer);
      staleTimer = undefined;
      staleAt.value = null;
      shownAt = 0;
      if (otherDays.value === null) void loadDays();
    } else if (staleTimer === undefined) {
      const since = serverNow();
      staleTimer = setTimeout(() => (staleAt.value = since), STALE_MS);
    }
  }
  /** A refused socket looks like a broken one; asking who we are tells them apart. */
  async function checkSession(): Promise<void> {
    await api.session().catch(() => undefined);
  }
  async function loadDays(): Promise<void> {
    otherDays.value = await api.board.otherDays().catch(() => null);
  }
  function hurry(): void {
    if (document.visibilityState === "visible") socket?.hurry();
  }

  /** A page shows the board; `stop` once it does no more. */
  function start(): void {
    pages += 1;
    if (pages > 1) return;
    socket = new LiveBoard(() => openSocket("/api/v1/board/live"), {
      status: follow,
      board: take,
      failing: (attempt) => attempt % 3 === 2 && void checkSession(),
    });
    socket.start();
    sleepless = whenAwake(() => socket?.renew());
    document.addEventListener("visibilitychange", hurry);
  }
  function stop(): void {
    if (pages === 0) return;
    pages -= 1;
    if (pages > 0) return;
    socket?.stop();
    socket = null;
    sleepless();
    document.removeEventListener("visibilitychange", hurry);
    clearTimeout(showTimer);
    clearTimeout(staleTimer);
    [showTimer, staleTimer, next] = [undefined, undefined, null];
    board.value = empty();
    known.value = false;
    staleAt.value = null;
    otherDays.value = null;
  }

  // A table for itself tells only of its own changes.
  const queues = computed(() => board.value.queues);
  const calls = computed(() => board.value.calls);
  const agents = computed(() => board.value.agents);
  const figures = computed(() => board.value.figures);
  const general = computed(() => board.value.general["general"]);
  watch(
    () => general.value?.day_began_at,
    (day, before) => {
      if (day !== undefined && before !== undefined) void loadDays();
    },
  );
  const leaveOutShort = computed({
    get: () => shortChoice.value ?? general.value?.leave_out_short ?? false,
    set: (choice: boolean) => {
      shortChoice.value = choice;
      localStorage.setItem(SHORT_REMEMBERED, String(choice));
    },
  });

  return {
    board,
    known,
    status,
    staleAt,
    otherDays,
    queues,
    calls,
    agents,
    agentDays: computed(() => board.value.agent_days),
    quarters: computed(() => board.value.quarters),
    alarms: computed(() => board.value.alarms),
    nodes: computed(() => board.value.nodes),
    general,
    leaveOutShort,
    period: computed(() => periodOf(general.value)),
    summaries: computed(() => summaries({ queues: queues.value, calls: calls.value, agents: agents.value, figures: figures.value })),
    start,
    stop,
  };
});

function readChoice(): boolean | null {
  const remembered = localStorage.getItem(SHORT_REMEMBERED);
  return remembered === null ? null : remembered === "true";
}

/** The service's time once a second; it stands still while what is shown may be old, so that no wait grows by itself. */
export function useBoardNow(): Readonly<Ref<number>> {
  const store = useBoard();
  const seconds = useSeconds();
  return computed(() => store.staleAt ?? seconds.value);
}
