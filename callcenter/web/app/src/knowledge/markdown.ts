/**
 * A small part of Markdown as a tree of our own: paragraphs, lists, bold words, line ends. All else is shown as the text
 * that was typed; nothing of it ever becomes HTML. Pure.
 */
import { lexer, type Token } from "marked";

export interface Piece {
  text: string;
  bold: boolean;
}
export interface Line {
  pieces: Piece[];
}
export type Block = { kind: "paragraph"; lines: Line[] } | { kind: "list"; ordered: boolean; start: number; items: Line[][] };

/** The text with its blocks. */
export function blocksOf(text: string): Block[] {
  return lexer(text, { gfm: false }).flatMap(block);
}
/** The text without any marks, to be pasted elsewhere. */
export function plainOf(text: string): string {
  const line = (one: Line): string => one.pieces.map((piece) => piece.text).join("");
  return blocksOf(text)
    .map((one) =>
      one.kind === "paragraph"
        ? one.lines.map(line).join("\n")
        : one.items.map((item, place) => `${one.ordered ? `${one.start + place}.` : "·"} ${item.map(line).join("\n")}`).join("\n"),
    )
    .join("\n\n");
}

function block(token: Token): Block[] {
  if (token.type === "space") return [];
  if (token.type === "list") {
    const items = (token["items"] as { tokens: Token[] }[]).map((item) => item.tokens.flatMap((inner) => (inner.type === "list" ? plainLines(inner) : linesOf(inner))));
    return [{ kind: "list", ordered: token["ordered"] === true, start: Number(token["start"]) || 1, items }];
  }
  return [{ kind: "paragraph", lines: linesOf(token) }];
}
function plainLines(token: Token): Line[] {
  return token.raw.split("\n").filter((text) => text.trim() !== "").map((text) => ({ pieces: [{ text, bold: false }] }));
}
function linesOf(token: Token): Line[] {
  if (token.type !== "paragraph" && token.type !== "text") return plainLines(token);
  return token.raw.trim().split("\n").map((text) => ({ pieces: piecesOf(text.trim()) }));
}
/** Bold words are between two asterisks, whatever stands beside them: Markdown's own rule fails in Chinese, which has no spaces. */
function piecesOf(text: string): Piece[] {
  return text
    .split(/(\*\*[^*]+\*\*)/)
    .filter((part) => part !== "")
    .map((part) => (/^\*\*[^*]+\*\*$/.test(part) ? { text: part.slice(2, -2), bold: true } : { text: part, bold: false }));
}
