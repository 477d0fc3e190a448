/** Asks before something is lost. */
import "element-plus/es/components/message-box/style/css";

import { ElMessageBox } from "element-plus/es/components/message-box/index.mjs";

import { i18n } from "../i18n";

/** True when the person says yes; `yes` names what will be done. */
export async function sure(text: string, yes: string = i18n.global.t("app.yes")): Promise<boolean> {
  try {
    await ElMessageBox.confirm(text, { confirmButtonText: yes, cancelButtonText: i18n.global.t("app.cancel"), type: "warning" });
    return true;
  } catch {
    return false;
  }
}
