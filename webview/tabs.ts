import { html, nothing, type TemplateResult } from "lit";

const tabs = ["Result", "Step", "Prompt", "Output", "Events"] as const;
export type Tab = (typeof tabs)[number];

function neighbour(key: string, tab: Tab): Tab | undefined {
  const at = tabs.indexOf(tab);
  if (key === "ArrowRight") return tabs[(at + 1) % tabs.length];
  if (key === "ArrowLeft") return tabs.at(at - 1);
  if (key === "Home") return tabs[0];
  return key === "End" ? tabs.at(-1) : undefined;
}

/** The tabs of the inspector; ←→ Home End move and choose. `enter` = the keyboard moves along. */
export function renderTabs(chosen: Tab, findings: number, choose: (tab: Tab, enter: boolean) => void): TemplateResult {
  const onKey = (event: KeyboardEvent): void => {
    const next = neighbour(event.key, chosen);
    if (next === undefined) return;
    event.preventDefault();
    choose(next, true);
  };
  return html`<div class="tabs" role="tablist" aria-label="What to show" @keydown=${onKey}>
    ${tabs.map((tab) => html`<button role="tab" id="tab-${tab}" aria-selected=${String(tab === chosen)} aria-controls="tab-body" tabindex=${tab === chosen ? 0 : -1} @click=${() => choose(tab, false)}>${tab}${tab === "Result" && findings > 0 ? html` <span class="badge" aria-label="${findings} findings">${findings}</span>` : nothing}</button>`)}
  </div>`;
}
