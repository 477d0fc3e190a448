/** What was filled into a form: what is missing or wrong, before the service says so. Pure. */
import type { CallForm, FieldKind, FormField, Named } from "../api/forms";
import type { Outcome } from "../api/types";

export const NO_FORM: CallForm = { sub_types: [], sub_type_required: false, fields: [], read_back: [], closing_zh: "", closing_en: "" };
export const BLANK: Outcome = {
  call_type: null, sub_type: null, notes: "", next_step: "none", form_version: null, fields: {}, read_back: [], read_back_at: null,
};

/** What is wrong with a field: a text under `forms.wrong`. */
export type Wrong = "required" | FieldKind;

export function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === "string" && value.trim() === "") || (Array.isArray(value) && value.length === 0);
}

const FITS: Partial<Record<FieldKind, (value: unknown) => boolean>> = {
  number: (value) => typeof value === "number" && Number.isFinite(value),
  date: (value) => typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value),
  date_time: (value) => typeof value === "string" && /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}$/.test(value),
  yes_no: (value) => typeof value === "boolean",
  phone: (value) => /^\+?\d{3,20}$/.test(String(value).replace(/[\s()\-./]/g, "")),
  money: (value) => /^-?\d{1,12}(\.\d{1,2})?$/.test(String(value).replace(/,/g, "").trim()),
};

function wrongWith(field: FormField, value: unknown): Wrong | null {
  if (isEmpty(value)) return field.required ? "required" : null;
  return FITS[field.kind]?.(value) === false ? field.kind : null;
}

/** What is missing or wrong, by the names in the service's complaints, in the order of the form. */
export function problems(form: CallForm, outcome: Outcome): Map<string, Wrong> {
  const found = new Map<string, Wrong>();
  if (outcome.call_type === null) found.set("call_type", "required");
  if (form.sub_type_required && outcome.sub_type === null) found.set("sub_type", "required");
  for (const field of form.fields) {
    const wrong = wrongWith(field, outcome.fields[field.code]);
    if (wrong !== null) found.set(`fields.${field.code}`, wrong);
  }
  return found;
}

/**
 * The outcome for another call type: what the new form asks for too is kept, everything else goes.
 * With the same type and version nothing changes.
 */
export function fitted(outcome: Outcome, callType: string, version: number, form: CallForm): Outcome {
  const known = (parts: Named[], code: string): boolean => parts.some((one) => one.code === code);
  return {
    ...outcome,
    call_type: callType,
    form_version: version,
    sub_type: outcome.sub_type !== null && known(form.sub_types, outcome.sub_type) ? outcome.sub_type : null,
    fields: Object.fromEntries(Object.entries(outcome.fields).filter(([code, value]) => {
      const field = form.fields.find((one) => one.code === code);
      return field !== undefined && (field.options.length === 0 || [value].flat().every((one) => known(field.options, String(one))));
    })),
    read_back: outcome.read_back.filter((code) => known(form.read_back, code)),
  };
}

/** As it is sent: without what is empty, and without what no form asks for. */
export function sent(outcome: Outcome, form: CallForm): Outcome {
  const asked = new Set(form.fields.map((field) => field.code));
  return { ...outcome, fields: Object.fromEntries(Object.entries(outcome.fields).filter(([code, value]) => asked.has(code) && !isEmpty(value))) };
}

/** The words with names in them: `{company}` is the company's, or the queue's where it is empty. */
export function spoken(text: string, company: string, queue: string): string {
  return text.replaceAll("{company}", company || queue).replaceAll("{queue}", queue);
}

/** A code for something new with this English name, none of `taken`; as the service would make it. */
export function codeOf(name: string, taken: readonly string[]): string {
  let base = name.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 34) || "item";
  if (!/^[a-z]/.test(base)) base = `n_${base}`.slice(0, 34);
  for (let n = 1; ; n += 1) {
    const code = n === 1 ? base : `${base}_${n}`;
    if (!taken.includes(code)) return code;
  }
}
