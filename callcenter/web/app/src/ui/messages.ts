/** The short messages at the top of the page. */
import { ElMessage } from "element-plus/es/components/message/index.mjs";

import { errorText } from "../i18n";

export function sayDone(text: string): void {
  ElMessage({ message: text, type: "success", duration: 2500, grouping: true });
}
export function sayWrong(error: unknown): void {
  ElMessage({ message: typeof error === "string" ? error : errorText(error), type: "error", duration: 6000, grouping: true, showClose: true });
}
