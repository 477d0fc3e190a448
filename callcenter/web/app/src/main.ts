import "element-plus/es/components/base/style/css";
import "element-plus/es/components/message/style/css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/forms.css";

import { createPinia } from "pinia";
import { createApp } from "vue";

import { whenRefused, whenSignedOut } from "./api/http";
import App from "./App.vue";
import { useDesk } from "./desk/store";
import { i18n, startLocale } from "./i18n";
import { usePhone } from "./phone/store";
import { makeRouter, maySee } from "./router";
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
  let asking = false;
  whenRefused(() => {
    const session = useSession();
    if (asking || session.user === null) return;
    asking = true;
    void session
      .resume()
      .then(() => {
        const here = router.currentRoute.value;
        if (session.mustChangePassword && here.meta.own !== true) void router.push({ name: "password", query: { to: here.fullPath } });
        else if (!maySee(here) && usePhone().call === "idle") void router.push({ name: "forbidden" });
      })
      .catch(() => undefined)
      .finally(() => (asking = false));
  });
  app.use(router).mount("#app");
}

void start();
