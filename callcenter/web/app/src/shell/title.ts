/** The page's title: it blinks while a call rings, so that the browser's tab is noticed from another program; it counts alarms. */
import { onScopeDispose, watch, type Ref } from "vue";
import { useI18n } from "vue-i18n";

import type { useDesk } from "../desk/store";

const BLINK_MS = 900;

export function useTitle(desk: ReturnType<typeof useDesk>, number: Ref<string>, alarms: Ref<number>): void {
  const { t, locale } = useI18n();
  let timer: ReturnType<typeof setInterval> | undefined;
  let lit = false;

  function show(): void {
    const state = desk.desk === null ? "" : `${t(`state.${desk.desk.state.name}`)} · `;
    const counted = alarms.value > 0 ? `(${alarms.value}!) ` : "";
    document.title = lit ? `☎ ${t("desk.call.incoming")} ${number.value}` : `${counted}${state}${t("app.name")}`;
  }
  watch(
    [() => desk.ringing, () => desk.desk?.state.name, number, locale, alarms],
    ([ringing]) => {
      clearInterval(timer);
      lit = ringing;
      show();
      if (ringing) {
        timer = setInterval(() => {
          lit = !lit;
          show();
        }, BLINK_MS);
      }
    },
    { immediate: true },
  );
  onScopeDispose(() => clearInterval(timer));
}
