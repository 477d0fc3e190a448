/** What to tell of a failure where no form field shows it: the service's word about the first field, else the error's. */
import { ApiError } from "../api/errors";
import { errorText, inLanguage } from "../i18n";

export function said(error: unknown): string {
  const [first] = error instanceof ApiError ? Object.values(error.fields) : [];
  return first === undefined ? errorText(error) : inLanguage(first);
}
