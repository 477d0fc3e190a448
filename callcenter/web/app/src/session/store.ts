/** Who is signed in on this browser. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { api } from "../api";
import { setCsrfToken } from "../api/http";
import type { PasswordState, Permission, Session, User } from "../api/types";

export const useSession = defineStore("session", () => {
  const user = ref<User | null>(null);
  const password = ref<PasswordState | null>(null);
  const hotline = ref<Session["hotline"] | null>(null);
  /** Whether the service was asked who we are. */
  const known = ref(false);
  /** Set when a session ended under the person's hands, so that the sign-in page can say so. */
  const ended = ref(false);

  function take(session: Session): void {
    user.value = session.user;
    hotline.value = session.hotline;
    password.value = session.password;
    setCsrfToken(session.csrf_token);
    known.value = true;
    ended.value = false;
  }
  function forget(): void {
    user.value = null;
    setCsrfToken("");
    known.value = true;
  }

  const hasPhone = computed(() => user.value?.extension != null && user.value.extension !== "");
  const mustChangePassword = computed(() => user.value !== null && password.value?.must_change === true);
  const may = (permission: Permission): boolean => user.value?.permissions.includes(permission) ?? false;
  const home = computed(() => (may("watch") ? "/board" : hasPhone.value && may("take_calls") ? "/desk" : "/calls"));

  return {
    user,
    hotline,
    password,
    mustChangePassword,
    known,
    ended,
    hasPhone,
    may,
    home,
    forget,
    signIn: async (username: string, password: string) => take(await api.signIn(username, password)),
    resume: async () => take(await api.session()),
    signOut: async () => {
      await api.signOut();
      forget();
    },
  };
});
