import { html, nothing, type TemplateResult } from "lit";
import { Json } from "../sidecar/protocol/json.ts";
import type { AskView } from "../sidecar/protocol/run.ts";
import { plainText } from "./prose.ts";
import { valueText, visible } from "./text.ts";

export interface AskActions {
  readonly answer: (ask: string, value: Json) => void;
  /** True from the click until the run says that it has the answer. */
  readonly isSent: (ask: string) => boolean;
}

interface Choice {
  readonly label: string;
  readonly value: Json;
}

/** What a person can answer; the first is the one that goes on. */
function choicesOf(ask: AskView): readonly Choice[] {
  if (ask.reason === "unsafe_unknown")
    return [
      { label: "Run It Again", value: "retry" },
      { label: "Take It as Done", value: "done" },
      { label: "Skip the Step", value: "skip" },
    ];
  const [yes, no] = ask.kind === "grant" ? ["Allow", "Don't Allow"] : ["Yes", "No"];
  return [
    { label: yes ?? "Yes", value: { approved: true } },
    { label: no ?? "No", value: { approved: false } },
  ];
}

/** JSON if it was JSON and still is, else the text itself. */
function edited(ask: AskView, text: string): Json {
  if (typeof ask.show === "string") return text;
  try {
    return Json.parse(JSON.parse(text));
  } catch {
    return text;
  }
}

/** The question of a run with its answer form. Without the right to act it only says where it can be answered. */
export function askForm(ask: AskView, canAct: boolean, actions: AskActions): TemplateResult {
  const isSent = actions.isSent(ask.ask);
  const isEditable = ask.edit === true && canAct;
  const send = (choice: Choice, event: Event): void => {
    const button = event.currentTarget;
    const field = button instanceof HTMLElement ? button.closest("section")?.querySelector("textarea") : null;
    const approves = typeof choice.value === "object" && JSON.stringify(choice.value) === '{"approved":true}';
    actions.answer(ask.ask, approves && field ? { approved: true, value: edited(ask, field.value) } : choice.value);
  };
  return html`<section class="ask" aria-label="Waiting for you">
    <h2 class="first"><i class="codicon codicon-bell-dot" aria-hidden="true"></i> ${visible(ask.title)}</h2>
    ${
      ask.show === undefined
        ? nothing
        : isEditable
          ? html`<textarea rows="6" aria-label="Change it before you say yes" .defaultValue=${valueText(ask.show)}></textarea>`
          : plainText(ask.show)
    }
    ${
      canAct
        ? html`<div class="choices">
            ${choicesOf(ask).map((choice, index) => html`<button class=${index === 0 ? "primary" : ""} ?disabled=${isSent} @click=${(event: Event) => send(choice, event)}>${choice.label}</button>`)}
            ${isSent ? html`<span class="muted">Sent…</span>` : nothing}
          </div>`
        : html`<p class="muted">It can be answered in a window that trusts this folder.</p>`
    }
  </section>`;
}
