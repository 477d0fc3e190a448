/** Roles, safety, sign-ins, the audit log and erasures, as the service has them (callcenter/staff, callcenter/customers). */
import { del, get, post, put } from "./http";
import type { Bilingual, Permission } from "./types";

export interface Right {
  permission: Permission;
  name: Bilingual;
  meaning: Bilingual;
}
export interface RightArea {
  area_id: string;
  name: Bilingual;
  rights: Right[];
}
export interface Role {
  role_id: string;
  name_zh: string;
  name_en: string;
  shipped: boolean;
  permissions: Permission[];
  as_shipped: Permission[];
  people: number;
  all_people: number;
  /** Whoever asks may give it to others. */
  may_give: boolean;
}
export interface Roles {
  areas: RightArea[];
  roles: Role[];
  own: string;
}

export interface Safety {
  password_days: number;
  password_shortest: number;
  password_history: number;
  change_given_password: boolean;
  close_unused_days: number;
  night_from: number;
  night_until: number;
  keep_calls_months: number;
}
export interface SafetyView {
  safety: Safety;
  handbook: Safety;
}

export interface Week {
  week: string;
  is_over: boolean;
  review: { reviewed_at: number; reviewed_by: string; note: string } | null;
}
export interface SignInPerson {
  user_id: number;
  username: string;
  display_name: string;
  role: string;
  disabled: boolean;
  sign_ins: number;
  first_at: number | null;
  last_at: number | null;
  failures: number;
  lock_outs: number;
  odd: number[];
  addresses: { address: string; count: number; is_new: boolean }[];
  never_used: boolean;
  is_odd: boolean;
}
export interface SignIns {
  people: SignInPerson[];
  strangers: { username: string; address: string; failures: number; last_at: number }[];
}

export interface AuditLine {
  audit_id: number;
  at: number;
  user_id: number | null;
  username: string;
  display_name: string | null;
  action: string;
  action_name: Bilingual;
  object_kind: string;
  object_kind_name: Bilingual;
  object_id: string;
  detail: Record<string, unknown>;
  address: string;
}
export interface AuditPage {
  lines: AuditLine[];
  next: string | null;
  looked_back_to: number | null;
}
export interface AuditWords {
  actions: { action: string; name: Bilingual }[];
  objects: Record<string, Bilingual>;
}

export interface ErasureView {
  name: string;
  on_the_line: boolean;
  counts: Record<string, number>;
  erasure: { reason: string; asked_at: number; asked_by: string | null; done_at: number | null; counts: Record<string, number> } | null;
}

export const staffApi = {
  roles: () => get<Roles>("/roles"),
  makeRole: (role: { name_zh: string; name_en: string; copy_of: string }) => post<{ role_id: string }>("/roles", role),
  setRole: (roleId: string, role: { name_zh: string; name_en: string; permissions: Permission[]; seen: Permission[] }) => put<null>(`/roles/${roleId}`, role),
  resetRole: (roleId: string) => post<null>(`/roles/${roleId}/reset`),
  removeRole: (roleId: string) => del<null>(`/roles/${roleId}`),

  safety: () => get<SafetyView>("/safety"),
  setSafety: (safety: Safety) => put<null>("/safety", safety),

  weeks: () => get<Week[]>("/sign-ins"),
  signIns: (week: string) => get<SignIns>(`/sign-ins/${week}`),
  review: (week: string, note: string) => post<null>(`/sign-ins/${week}/review`, { note }),

  auditWords: () => get<AuditWords>("/audit/words"),
  audit: (query: Record<string, string | number | null | undefined>) => get<AuditPage>("/audit", query),

  erasure: (customerId: number) => get<ErasureView>(`/customers/${customerId}/erasure`),
  erase: (customerId: number, reason: string, name: string) => post<null>(`/customers/${customerId}/erasure`, { reason, name }),
};
