/** The pages, and who may see which. What a role may do is decided by the service; here it only saves a detour. */
import { createRouter, createWebHistory, type RouteLocationNormalized, type Router } from "vue-router";

import { isAway } from "./api/errors";
import type { Permission } from "./api/types";
import { useSession } from "./session/store";

declare module "vue-router" {
  interface RouteMeta {
    open?: boolean;
    /** Shown without the navigation around it. */
    bare?: boolean;
    needs?: Permission;
    needsPhone?: boolean;
    /** Open to whoever is signed in, also when his password is to be changed first. */
    own?: boolean;
    /** Pages that share a frame, which stays while one goes from one to another. */
    section?: string;
  }
}

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      { path: "/", name: "home", component: () => import("./shell/DeadEnd.vue"), props: { kind: "notFound" } },
      { path: "/sign-in", name: "sign-in", component: () => import("./signin/SignInPage.vue"), meta: { open: true } },
      { path: "/board", name: "board", component: () => import("./board/BoardPage.vue"), meta: { needs: "watch" } },
      { path: "/wallboard", name: "wallboard", component: () => import("./board/WallboardPage.vue"), meta: { bare: true, needs: "watch" } },
      { path: "/desk", name: "desk", component: () => import("./desk/DeskPage.vue"), meta: { needs: "take_calls", needsPhone: true } },
      { path: "/calls", name: "calls", component: () => import("./calls/CallsPage.vue"), meta: { needs: "read_calls" } },
      { path: "/recordings", name: "recordings", component: () => import("./recordings/RecordingsPage.vue"), meta: { needs: "listen_to_recordings" } },
      { path: "/customers", name: "customers", component: () => import("./customers/CustomersPage.vue"), meta: { needs: "read_customers" } },
      { path: "/customers/new", name: "new-customer", component: () => import("./customers/CustomerPage.vue"), meta: { needs: "write_customers" } },
      { path: "/customers/duplicates", name: "duplicates", component: () => import("./customers/timeline/DuplicatesPage.vue"), meta: { needs: "merge_customers" } },
      { path: "/customers/:id(\\d+)", name: "customer", component: () => import("./customers/CustomerPage.vue"), props: (to) => ({ id: Number(to.params["id"]) }), meta: { needs: "read_customers" } },
      { path: "/password", name: "password", component: () => import("./signin/PasswordPage.vue"), meta: { own: true } },
      {
        path: "/agents",
        component: () => import("./staff/StaffPage.vue"),
        meta: { section: "staff" },
        children: [
          { path: "", name: "agents", component: () => import("./agents/AgentsPage.vue"), meta: { needs: "read_staff" } },
          { path: "roles", name: "roles", component: () => import("./staff/RolesPage.vue"), meta: { needs: "manage_roles" } },
          { path: "safety", name: "safety", component: () => import("./staff/SafetyPage.vue"), meta: { needs: "read_staff" } },
          { path: "sign-ins", name: "sign-ins", component: () => import("./staff/SignInsPage.vue"), meta: { needs: "review_sign_ins" } },
          { path: "audit", name: "audit", component: () => import("./audit/AuditPage.vue"), meta: { needs: "read_audit" } },
        ],
      },
      { path: "/knowledge", name: "knowledge", component: () => import("./knowledge/KnowledgePage.vue"), meta: { section: "knowledge" } },
      { path: "/knowledge/:id(\\d+)", name: "knowledge-article", component: () => import("./knowledge/KnowledgePage.vue"), props: (to) => ({ id: Number(to.params["id"]) }), meta: { section: "knowledge" } },
      { path: "/customers/import", name: "imports", component: () => import("./importing/ImportsPage.vue"), meta: { needs: "import_customers" } },
      { path: "/customers/import/:id(\\d+)", name: "import", component: () => import("./importing/ImportPage.vue"), props: (to) => ({ id: Number(to.params["id"]) }), meta: { needs: "import_customers" } },
      {
        path: "/exports",
        component: () => import("./exports/ExportsPage.vue"),
        meta: { section: "exports" },
        children: [
          { path: "", name: "exports", component: () => import("./exports/OwnPage.vue"), meta: { needs: "export_lists" } },
          { path: "approvals", name: "exports-approvals", component: () => import("./exports/ApprovalsPage.vue"), meta: { needs: "approve_exports" } },
          { path: "register", name: "exports-register", component: () => import("./exports/RegisterPage.vue"), meta: { needs: "approve_exports" } },
        ],
      },
      { path: "/customers/owners", name: "customer-owners", component: () => import("./customers/OwnersPage.vue"), meta: { needs: "assign_customers" } },
      {
        path: "/configuration",
        component: () => import("./configuration/ConfigurationPage.vue"),
        meta: { needs: "read_settings", section: "configuration" },
        children: [
          { path: "", name: "configuration", redirect: "/configuration/queues" },
          { path: "queues", name: "configuration-queues", component: () => import("./configuration/queues/QueuesPage.vue") },
          { path: "queues/:id", name: "configuration-queues-one", component: () => import("./configuration/queues/QueuePage.vue"), props: true },
          { path: "menus", name: "configuration-menus", component: () => import("./configuration/menus/MenusPage.vue") },
          { path: "menus/:id", name: "configuration-menus-one", component: () => import("./configuration/menus/MenuPage.vue"), props: true },
          { path: "hours", name: "configuration-hours", component: () => import("./configuration/hours/HoursListPage.vue") },
          { path: "hours/:id", name: "configuration-hours-one", component: () => import("./configuration/hours/HoursPage.vue"), props: true },
          { path: "skills", name: "configuration-skills", component: () => import("./configuration/skills/SkillsPage.vue") },
          { path: "pause-reasons", name: "configuration-pause-reasons", component: () => import("./configuration/PauseReasonsPage.vue") },
          { path: "general", name: "configuration-general", component: () => import("./configuration/GeneralPage.vue") },
          { path: "blocked-callers", name: "configuration-blocked-callers", component: () => import("./configuration/BlockedCallersPage.vue") },
          { path: "prompts", name: "configuration-prompts", component: () => import("./configuration/prompts/PromptsPage.vue") },
          { path: "forms", name: "configuration-forms", component: () => import("./forms/FormsPage.vue") },
          { path: "customer-fields", name: "configuration-customer-fields", component: () => import("./customers/OwnFieldsPage.vue") },
          { path: "file", name: "configuration-file", component: () => import("./configuration/FilePage.vue") },
        ],
      },
      {
        path: "/shifts",
        component: () => import("./shifts/ShiftsPage.vue"),
        meta: { section: "shifts" },
        children: [
          { path: "", name: "shifts", component: () => import("./shifts/RosterPage.vue") },
          { path: "hand-over", name: "shifts-hand-over", component: () => import("./shifts/HandOverPage.vue") },
          { path: "swaps", name: "shifts-swaps", component: () => import("./shifts/SwapsPage.vue") },
          { path: "attendance", name: "shifts-attendance", component: () => import("./shifts/AttendancePage.vue") },
          { path: "kinds", name: "shifts-kinds", component: () => import("./shifts/KindsPage.vue"), meta: { needs: "plan_shifts" } },
        ],
      },
      { path: "/forbidden", name: "forbidden", component: () => import("./shell/DeadEnd.vue"), props: { kind: "forbidden" } },
      { path: "/:rest(.*)*", name: "not-found", component: () => import("./shell/DeadEnd.vue"), props: { kind: "notFound" } },
    ],
  });
  router.beforeEach(async (to) => {
    const session = useSession();
    if (!session.known) {
      try {
        await session.resume();
      } catch (error) {
        if (!isAway(error)) session.known = true;
      }
    }
    if (to.meta.open === true) return session.user === null ? true : session.home;
    if (session.user === null) return { name: "sign-in", query: to.path === "/" ? {} : { to: to.fullPath } };
    if (session.mustChangePassword && to.meta.own !== true) return { name: "password", query: to.path === "/" ? {} : { to: to.fullPath } };
    if (to.name === "home") return session.home;
    return maySee(to) ? true : { name: "forbidden" };
  });
  return router;
}

/** Whether who is signed in may see this page. */
export function maySee(to: RouteLocationNormalized): boolean {
  const session = useSession();
  if (to.meta.needs !== undefined && !session.may(to.meta.needs)) return false;
  return to.meta.needsPhone !== true || session.hasPhone;
}
