/** The pages about the people who work here, as far as the one who looks may see them. */
import { computed, type ComputedRef } from "vue";

import type { Permission } from "../api/types";
import { useSession } from "../session/store";

const PAGES: { name: "agents" | "roles" | "safety" | "signIns" | "audit"; to: string; needs: Permission }[] = [
  { name: "agents", to: "/agents", needs: "read_staff" },
  { name: "roles", to: "/agents/roles", needs: "manage_roles" },
  { name: "safety", to: "/agents/safety", needs: "read_staff" },
  { name: "signIns", to: "/agents/sign-ins", needs: "review_sign_ins" },
  { name: "audit", to: "/agents/audit", needs: "read_audit" },
];

export function useStaffPages(): ComputedRef<typeof PAGES> {
  const session = useSession();
  return computed(() => PAGES.filter((page) => session.may(page.needs)));
}
