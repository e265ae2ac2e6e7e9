/** What this browser can do, as cards. */
import { h } from "./dom.ts";
import type { FoundTarget } from "./targets.ts";

export function deviceCard({ name, title, missing, facts, notes }: FoundTarget): HTMLElement {
  const content =
    missing === undefined
      ? [h("dl", {}, ...facts.flatMap(([fact, value]) => [h("dt", {}, fact), h("dd", {}, value)]))]
      : [h("p", { class: "missing" }, h("strong", {}, "Not here: "), `${missing}.`)];
  return h(
    "article",
    { class: "card", "data-target": name },
    h("h3", {}, title),
    ...content,
    ...notes.map((note) => h("p", { class: "note" }, note)),
  );
}
