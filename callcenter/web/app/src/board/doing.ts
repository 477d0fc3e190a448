/** Doing an act on a row: the menu with what there is to do, the one question before a dangerous act, what came of it. */
import { computed, nextTick, ref, shallowRef, watch, type InjectionKey, type Ref, type ShallowRef } from "vue";
import { useI18n } from "vue-i18n";
import { useRouter } from "vue-router";

import { api } from "../api";
import { nameOf } from "../i18n";
import { useListening } from "../listening/store";
import { useSession } from "../session/store";
import { readable } from "../ui/format";
import { sayDone, sayWrong } from "../ui/messages";
import { sure } from "../ui/sure";
import { useWords } from "../ui/words";
import { actOfKey, ACTS_OF_QUEUE, actsOfAgent, actsOfCall, DANGEROUS, LETTER, type Act } from "./acts";
import type { AgentRow, CallRow, QueueRow } from "./board";
import { useBoard } from "./store";

export type Subject = { kind: "call"; row: CallRow } | { kind: "agent"; row: AgentRow } | { kind: "queue"; row: QueueRow };
export interface MenuItem {
  id: string;
  text: string;
  letter: string;
  danger: boolean;
  /** Whether something else opens, to choose from. */
  opens: boolean;
  run: () => void;
}
export interface OpenMenu {
  subject: Subject;
  title: string;
  items: MenuItem[];
  by: HTMLElement;
}
export type Dialog = { kind: "move"; call: CallRow } | { kind: "queues" | "skills"; agent: AgentRow } | { kind: "message"; agent: AgentRow | null };

export interface Doing {
  menu: ShallowRef<OpenMenu | null>;
  dialog: ShallowRef<Dialog | null>;
  /** The queue that the page is narrowed to; "" for all. */
  only: Ref<string>;
  open(subject: Subject, by: HTMLElement): void;
  /** Does what a letter means for a row; true when it meant something. */
  press(subject: Subject, by: HTMLElement, press: KeyboardEvent): boolean;
  close(): void;
  /** Does something with the service, and says what came of it; true when it was done. */
  attempt(verb: () => Promise<unknown>, done: string): Promise<boolean>;
  nameOfCall(call: CallRow): string;
}
export const DOING: InjectionKey<Doing> = Symbol("doing");

const LOWEST_PRIORITY = -10;
const HIGHEST_PRIORITY = 10;

export function useDoing(): Doing {
  const { t } = useI18n();
  const store = useBoard();
  const session = useSession();
  const words = useWords();
  const listening = useListening();
  const router = useRouter();
  const menu = shallowRef<OpenMenu | null>(null);
  const dialog = shallowRef<Dialog | null>(null);
  const only = ref("");

  const nameOfCall = (call: CallRow): string => call.customer_name || readable(call.number_display) || t("calls.anonymous");
  const titleOf = (subject: Subject): string =>
    subject.kind === "call" ? nameOfCall(subject.row) : subject.kind === "agent" ? subject.row.display_name : nameOf(subject.row);
  const callOf = (subject: Subject): CallRow | undefined =>
    subject.kind === "call" ? subject.row : subject.kind === "agent" ? store.calls[subject.row.call_id] : undefined;
  const actsOf = (subject: Subject): readonly Act[] =>
    subject.kind === "call" ? actsOfCall(subject.row, session.hasPhone) : subject.kind === "agent" ? actsOfAgent(subject.row, callOf(subject), session.hasPhone) : ACTS_OF_QUEUE;

  async function attempt(verb: () => Promise<unknown>, done: string): Promise<boolean> {
    try {
      await verb();
      sayDone(done);
      return true;
    } catch (error) {
      sayWrong(error);
      return false;
    }
  }
  async function perform(act: Act, subject: Subject, verb: () => Promise<unknown>): Promise<void> {
    const what = t(`board.act.${act}`);
    const who = titleOf(subject);
    if (DANGEROUS.has(act)) {
      const row = document.activeElement;
      const agreed = await sure(t(`board.ask.${act}`, { who }), what);
      focusOn(row);
      if (!agreed) return;
    }
    await attempt(verb, t("board.done", { what, who }));
  }
  function show(subject: Subject, by: HTMLElement, items: MenuItem[]): void {
    menu.value = { subject, title: titleOf(subject), items, by };
  }
  const close = (): void => {
    menu.value?.by.focus();
    menu.value = null;
  };
  /** Begins a dialog; the row that it is about has the focus again afterwards. */
  function begin(what: Dialog): void {
    const row = document.activeElement;
    dialog.value = what;
    const unwatch = watch(dialog, () => {
      unwatch();
      void nextTick(() => focusOn(row));
    });
  }

  function choosePause(agent: AgentRow, subject: Subject, by: HTMLElement): void {
    const choices = words.pauseReasons.map((reason, at) => ({
      id: `pause-${reason.code}`, text: nameOf(reason), letter: String(at + 1), danger: false, opens: false,
      run: () => void perform("pause", subject, () => api.supervision.setState(agent.user_id, "paused", reason.code)),
    }));
    show(subject, by, choices);
  }
  function choosePriority(subject: Subject & { kind: "call" | "queue" }, by: HTMLElement): void {
    const now = subject.row.priority;
    const set = (priority: number): Promise<unknown> => (subject.kind === "call" ? api.supervision.priority(subject.row.call_id, priority) : api.supervision.setQueuePriority(subject.row.queue_id, priority));
    const wanted = [now + 3, now + 2, now + 1, 0, now - 1].filter((one, at, all) => one !== now && one >= LOWEST_PRIORITY && one <= HIGHEST_PRIORITY && all.indexOf(one) === at);
    const choices = wanted.map((one, at) => ({
      id: `priority-${one}`, text: t("board.priorityTo", { now: signed(now), next: signed(one) }), letter: String(at + 1), danger: false, opens: false,
      run: () => void perform("priority", subject, () => set(one)),
    }));
    show(subject, by, choices);
  }

  function runCall(act: Act, call: CallRow, subject: Subject, by: HTMLElement): void {
    if (act === "listen" || act === "whisper" || act === "barge") void listening.start(call.call_id, act);
    else if (act === "move") begin({ kind: "move", call });
    else if (act === "priority") choosePriority({ kind: "call", row: call }, by);
    else if (act === "takeOver") void perform(act, subject, () => takeOver(call.call_id));
    else if (act === "end") void perform(act, subject, () => api.supervision.end(call.call_id));
    else if (act === "dropCallback") void perform(act, subject, () => api.dropCallback(call.call_id));
    else if (act === "customer" && call.customer_id !== null) void router.push({ name: "customer", params: { id: call.customer_id } });
  }
  /** This page's phone is started first; what stands against it is said by the service. */
  async function takeOver(callId: string): Promise<unknown> {
    if (session.hasPhone) await listening.phoneIsThere();
    return api.supervision.takeOver(callId);
  }
  function runAgent(act: Act, agent: AgentRow, subject: Subject, by: HTMLElement): void {
    if (act === "ready") void perform(act, subject, () => api.supervision.setState(agent.user_id, "ready"));
    else if (act === "signOut") void perform(act, subject, () => api.supervision.setState(agent.user_id, "signed_out"));
    else if (act === "pause") choosePause(agent, subject, by);
    else if (act === "free") void perform(act, subject, () => api.supervision.free(agent.user_id));
    else if (act === "queues" || act === "skills") begin({ kind: act, agent });
    else if (act === "message") begin({ kind: "message", agent });
    else {
      const call = callOf(subject);
      if (call !== undefined) runCall(act, call, subject, by);
    }
  }
  function run(act: Act, subject: Subject, by: HTMLElement): void {
    if (subject.kind === "call") runCall(act, subject.row, subject, by);
    else if (subject.kind === "agent") runAgent(act, subject.row, subject, by);
    else if (act === "only") only.value = only.value === subject.row.queue_id ? "" : subject.row.queue_id;
    else if (act === "priority") choosePriority(subject, by);
    else void router.push({ name: "configuration-queues-one", params: { id: subject.row.queue_id } });
  }

  return {
    menu,
    dialog,
    only,
    open(subject, by) {
      const items = actsOf(subject).map((act) => ({
        id: act, text: t(act === "only" && only.value === titleKey(subject) ? "board.act.all" : `board.act.${act}`), letter: LETTER[act],
        danger: DANGEROUS.has(act), opens: act === "pause" || act === "priority" || act === "move" || act === "queues" || act === "skills" || act === "message",
        run: () => run(act, subject, by),
      }));
      show(subject, by, items);
    },
    press(subject, by, press) {
      const act = actOfKey(press, actsOf(subject));
      if (act === null) return false;
      press.preventDefault();
      run(act, subject, by);
      return true;
    },
    close,
    attempt,
    nameOfCall,
  };
}

function focusOn(element: Element | null): void {
  if (element instanceof HTMLElement && element.isConnected) element.focus();
}
const titleKey = (subject: Subject): string => (subject.kind === "queue" ? subject.row.queue_id : "");
/** +2, 0, -1. */
export const signed = (count: number): string => (count > 0 ? `+${count}` : String(count).replace("-", "−"));

/** Whether what a menu is about is still there. */
export function useStillThere(doing: Doing): Ref<boolean> {
  const store = useBoard();
  return computed(() => {
    const subject = doing.menu.value?.subject;
    if (subject === undefined) return false;
    if (subject.kind === "call") return subject.row.call_id in store.calls;
    if (subject.kind === "agent") return String(subject.row.user_id) in store.agents;
    return subject.row.queue_id in store.queues;
  });
}
