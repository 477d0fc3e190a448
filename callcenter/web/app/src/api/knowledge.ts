/** Scripts and answers, and hidden numbers, as the service has them. */
import { del, get, post, put } from "./http";

export type ArticleKind = "script" | "answer";
export type ArticleState = "draft" | "published" | "retired";

export interface ArticleDraft {
  kind: ArticleKind;
  category: string;
  title: string;
  body: string;
  keywords: string;
  call_types: string[];
  queues: string[];
  /** YYYY-MM-DD, both days included. */
  valid_from: string | null;
  valid_until: string | null;
  state: ArticleState;
}
export interface ArticleLine extends Omit<ArticleDraft, "body"> {
  article_id: number;
  excerpt: string;
  version: number;
  updated_at: number;
  updated_by: string | null;
  opens: number;
  source: string;
}
export interface Article extends ArticleLine {
  body: string;
}
export interface ArticleVersion extends ArticleDraft {
  version: number;
  at: number;
  by: string | null;
}
export interface Category {
  category_id: string;
  name_zh: string;
  name_en: string;
  shipped: boolean;
  articles: number;
}
export type ArticleQuery = Partial<Record<"q" | "kind" | "category" | "state" | "call_type" | "queue_id", string>> & { everything?: string; limit?: number };

const id = encodeURIComponent;

export const knowledgeApi = {
  search: (query: ArticleQuery) => get<ArticleLine[]>("/knowledge", query),
  /** Read it, and count it as used. */
  open: (articleId: number) => post<Article>(`/knowledge/${articleId}/opened`),
  one: (articleId: number) => get<Article>(`/knowledge/${articleId}`),
  make: (article: ArticleDraft) => post<Article>("/knowledge", article),
  change: (articleId: number, article: ArticleDraft & { version: number }) => put<Article>(`/knowledge/${articleId}`, article),
  versions: (articleId: number) => get<ArticleVersion[]>(`/knowledge/${articleId}/versions`),
  restore: (articleId: number, version: number, seenVersion: number) =>
    post<Article>(`/knowledge/${articleId}/versions/${version}/restore`, { seen_version: seenVersion }),
  categories: () => get<Category[]>("/knowledge-categories"),
  putCategory: (categoryId: string, names: { name_zh: string; name_en: string }) => put<null>(`/knowledge-categories/${id(categoryId)}`, names),
  removeCategory: (categoryId: string) => del<null>(`/knowledge-categories/${id(categoryId)}`),
};

/** Whose number is hidden: `id` is the customer's, the call's or the task's; `position` which of a customer's. */
export interface WhoseNumber {
  kind: "customer" | "call" | "callback" | "ring_back";
  id: string | number;
  position?: number;
}
export const revealNumber = (whose: WhoseNumber): Promise<{ number: string; number_display: string }> =>
  post("/numbers/reveal", { ...whose, id: String(whose.id) });
