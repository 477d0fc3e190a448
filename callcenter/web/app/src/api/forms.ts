/** Call types and their forms, as the service has them. */
import type { CallType } from "./types";

export const FIELD_KINDS = ["text", "long_text", "number", "date", "date_time", "choice", "choices", "yes_no", "phone", "money"] as const;
export type FieldKind = (typeof FIELD_KINDS)[number];

export interface Named {
  code: string;
  name_zh: string;
  name_en: string;
}
export interface FormField extends Named {
  kind: FieldKind;
  required: boolean;
  help_zh: string;
  help_en: string;
  /** Of a choice. */
  options: Named[];
}
export interface CallForm {
  sub_types: Named[];
  sub_type_required: boolean;
  fields: FormField[];
  /** What is read back to the caller (TEL-17). */
  read_back: Named[];
  closing_zh: string;
  closing_en: string;
}
export interface TypeWithForm extends CallType {
  form: CallForm;
}
export interface QueueWords {
  greeting_zh: string;
  greeting_en: string;
  call_type: string | null;
}
export interface CallWords {
  company_zh: string;
  company_en: string;
  greeting_zh: string;
  greeting_en: string;
  closing_zh: string;
  closing_en: string;
  queues: Record<string, QueueWords>;
}
export interface FormsNow {
  revision: number;
  types: TypeWithForm[];
  words: CallWords;
}
export interface CallTypeDraft {
  name_zh: string;
  name_en: string;
  direction: "in" | "out";
  active: boolean;
  /** Of the form that it was made from; 0: the type is new. */
  version: number;
  form: CallForm;
}
