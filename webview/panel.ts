import { html, LitElement, nothing, type TemplateResult } from "lit";
import type { Json } from "../sidecar/protocol/json.ts";
import { activityText } from "../sidecar/protocol/live.ts";
import type { RunView } from "../sidecar/protocol/run.ts";
import { connectHost, type Host } from "./host.ts";
import { renderEvents, renderOutput, renderPrompt, renderStep } from "./inspect.ts";
import { type ResultActions, renderResult } from "./result.ts";
import { rowsOf } from "./rows.ts";
import { emptyState, loadValue, type PanelState, takeMessage } from "./store.ts";
import { renderTree, secondsText } from "./tree.ts";

const tabs = ["Result", "Step", "Prompt", "Output", "Events"] as const;
type Tab = (typeof tabs)[number];
const ended = (view: RunView | null): boolean => view !== null && view.endedAt !== null;

/** The run panel: the result is the hero, the steps with their time stand beside it. Its state is folded from the log. */
export class PodiumPanel extends LitElement {
  readonly #state: PanelState = emptyState();
  readonly #host: Host;
  readonly #closed = new Set<string>();
  #selected: string | null = null;
  #tab: Tab = "Result";
  #ticker: ReturnType<typeof setInterval> | null = null;

  constructor() {
    super();
    this.#host = connectHost((message) => {
      takeMessage(this.#state, message);
      if (message.type === "init") {
        this.#selected = null;
        this.#tab = "Result";
        this.#host.remember(message.run);
      }
      this.requestUpdate();
    });
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#host.post({ type: "ready" });
    this.#ticker = setInterval(() => {
      if (!ended(this.#state.view)) this.requestUpdate();
    }, 500);
  }

  override disconnectedCallback(): void {
    if (this.#ticker) clearInterval(this.#ticker);
    super.disconnectedCallback();
  }

  override updated(): void {
    const focused = document.activeElement;
    if (focused?.getAttribute("role") === "row" && this.#selected !== null) {
      this.querySelector<HTMLElement>(`[data-instance="${CSS.escape(this.#selected)}"]`)?.focus();
    }
  }

  override render(): TemplateResult {
    const { view, recording, lost, problem } = this.#state;
    return html`
      ${recording === null ? nothing : html`<div class="banner" role="note"><i class="codicon codicon-record" aria-hidden="true"></i> ${recording}</div>`}
      ${lost ? html`<div class="banner" role="status">Reconnecting… the run goes on.</div>` : nothing}
      ${problem ? html`<div class="banner failure" role="alert"><b>${problem.code}</b> ${problem.message}</div>` : nothing}
      ${view ? this.#page(view) : html`<p class="empty muted">${this.#state.run === null ? "Choose a run in the Runs view." : "Reading the run…"}</p>`}
    `;
  }

  #page(view: RunView): TemplateResult {
    const now = Date.now() + this.#state.skew;
    const rows = rowsOf(view, this.#state.live, this.#closed, now);
    const total = Math.max(1, (view.endedAt ?? now) - view.createdAt);
    return html`
      <header>
        <h1>${view.workflow}</h1>
        <span class="muted">${this.#state.row?.title ?? ""}</span>
        <span class="grow"></span>
        ${this.#state.trusted && this.#state.recording === null ? this.#buttons(view) : nothing}
      </header>
      <div class="now" role="status" aria-live="polite">${this.#nowLine(view, now)}</div>
      <main>
        <section class="left" aria-label="Steps">
          ${renderTree(rows, this.#selected, total, {
            select: (instance) => {
              this.#selected = instance;
              if (this.#tab === "Result") this.#tab = "Step";
              this.requestUpdate();
            },
            toggle: (instance) => {
              if (!this.#closed.delete(instance)) this.#closed.add(instance);
              this.requestUpdate();
            },
            leave: () => {
              this.#tab = "Result";
              this.requestUpdate();
            },
          })}
        </section>
        <section class="right">
          <div class="tabs" role="tablist">
            ${tabs.map((tab) => html`<button role="tab" id="tab-${tab}" aria-selected=${String(tab === this.#tab)} aria-controls="tab-body" @click=${() => this.#choose(tab)}>${tab}</button>`)}
          </div>
          <div id="tab-body" class="body" role="tabpanel" aria-labelledby="tab-${this.#tab}" tabindex="0">${this.#body(view)}</div>
        </section>
      </main>
      <footer class="muted">
        <span>${view.usage.in} in · ${view.usage.out} out · ${view.usage.cached} from cache${view.usage.estimated ? " · estimated" : ""}</span>
        <span>${[...view.models].join(", ") || "no model"}</span>
        <span>0 $</span>
        <span>${view.egress.bytes === 0 ? "0 bytes left this machine" : `${view.egress.bytes} bytes left, to ${[...view.egress.hosts].join(", ")}`}</span>
        ${view.attempts > 1 ? html`<span>attempt ${view.attempts}, reason: crash</span>` : nothing}
      </footer>
    `;
  }

  #choose(tab: Tab): void {
    this.#tab = tab;
    this.requestUpdate();
  }

  #buttons(view: RunView): TemplateResult {
    if (ended(view)) return html`<button @click=${() => this.#host.post({ type: "runAgain" })}>Run Again</button>`;
    const cancel = html`<button @click=${() => this.#host.post({ type: "cancel" })}>Cancel</button>`;
    return view.status === "parked" && view.reason !== "ask"
      ? html`<button @click=${() => this.#host.post({ type: "resume" })}>Resume</button>${cancel}`
      : cancel;
  }

  #nowLine(view: RunView, now: number): TemplateResult | string {
    const took = secondsText((view.endedAt ?? now) - view.createdAt);
    if (ended(view)) return `${view.status}${view.degraded ? " · without a model" : ""} · ${took} s`;
    const open = [...this.#state.live.values()];
    const current = open.find(({ label }) => label !== "queued") ?? open[0];
    if (view.status === "parked")
      return html`<i class="codicon codicon-bell-dot" aria-hidden="true"></i> ${view.reason === "ask" ? "Waiting for you" : `Waiting: ${view.detail ?? view.reason}`} · ${took} s`;
    if (!current) return `${view.status} · ${took} s`;
    return html`<i class="codicon codicon-sync codicon-modifier-spin" aria-hidden="true"></i> <b>${current.instance}</b> · ${activityText(current, now)}${current.model ? ` · ${current.model}` : ""} · ${took} s`;
  }

  #body(view: RunView): TemplateResult {
    const load = (ref: Parameters<typeof loadValue>[1]): Json | undefined =>
      loadValue(this.#state, ref, (hash) => this.#host.post({ type: "blob", hash }));
    const step = this.#selected === null ? undefined : view.steps.get(this.#selected);
    if (this.#tab === "Result") return renderResult(view, load(view.output), this.#actions());
    if (this.#tab === "Events") return renderEvents(this.#state.events, this.#selected);
    if (!step) return html`<p class="muted">Choose a step.</p>`;
    if (this.#tab === "Step") return renderStep(step, load);
    return this.#tab === "Prompt" ? renderPrompt(step, load) : renderOutput(step, this.#state.live, load);
  }

  #actions(): ResultActions {
    return {
      open: (path, line, endLine) =>
        this.#host.post({
          type: "open",
          path,
          ...(line === null ? {} : { line }),
          ...(endLine === null ? {} : { endLine }),
        }),
      answer: (ask, value) => this.#host.post({ type: "answer", ask, value }),
      followUp: (question) => this.#host.post({ type: "followUp", question }),
    };
  }
}
