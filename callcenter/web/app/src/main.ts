import "element-plus/es/components/base/style/css";
import "element-plus/es/components/message/style/css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/forms.css";

import { createPinia } from "pinia";
import { createApp } from "vue";

import { whenSignedOut } from "./api/http";
import App from "./App.vue";
import { useDesk } from "./desk/store";
import { i18n, startLocale } from "./i18n";
import { usePhone } from "./phone/store";
import { makeRouter } from "./router";
import { useSession } from "./session/store";

async function start(): Promise<void> {
  await startLocale();
  const app = createApp(App).use(createPinia()).use(i18n);
  const router = makeRouter();
  whenSignedOut(() => {
    const session = useSession();
    if (session.user === null || usePhone().call !== "idle") return;
    useDesk().stop();
    session.forget();
    session.ended = true;
    void router.push({ name: "sign-in", query: { to: router.currentRoute.value.fullPath } });
  });
  app.use(router).mount("#app");
}

void start();
