/** A caller's number as it is shown in lists. */
import { i18n } from "../i18n";
import { readable } from "./format";

export function callerNumber(call: { number_display?: string | null; caller_number: string | null }): string {
  return readable(call.number_display ?? call.caller_number ?? "") || i18n.global.t("calls.anonymous");
}
