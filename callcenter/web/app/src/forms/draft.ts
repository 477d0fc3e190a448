/** A call type as it is edited. Pure. */
import type { CallForm, CallTypeDraft, Named, TypeWithForm } from "../api/forms";
import { codeOf, NO_FORM } from "./filled";

export interface TypeDraft extends CallTypeDraft {
  code: string;
}

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export function draftOf(type: TypeWithForm | null, readBack: Named[]): TypeDraft {
  if (type === null) return { code: "", name_zh: "", name_en: "", direction: "in", active: true, version: 0, form: { ...copy(NO_FORM), read_back: copy(readBack) } };
  const { code, name_zh, name_en, direction, active, version, form } = type;
  return copy({ code, name_zh, name_en, direction, active, version, form });
}

function coded<T extends Named>(parts: T[]): T[] {
  const taken = parts.map((one) => one.code).filter((code) => code !== "");
  return parts.map((one) => {
    if (one.code !== "") return one;
    const code = codeOf(one.name_en, taken);
    taken.push(code);
    return { ...one, code };
  });
}

/** With a code for all that is new; codes that are there never change, so that outcomes can still be read. */
export function ready(form: CallForm): CallForm {
  return {
    ...form,
    sub_type_required: form.sub_type_required && form.sub_types.length > 0,
    sub_types: coded(form.sub_types),
    fields: coded(form.fields).map((field) => ({ ...field, options: coded(field.options) })),
    read_back: coded(form.read_back),
  };
}
