import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Ref } from "../sidecar/protocol/events.ts";
import type { Json } from "../sidecar/protocol/json.ts";
import { AskResult } from "../sidecar/protocol/review.ts";
import type { RunView, StepView } from "../sidecar/protocol/run.ts";
import { legend, patterns } from "./bar.ts";
import { renderFooter, renderHeader, renderNow, spokenState } from "./frame.ts";
import { connectHost, type Host } from "./host.ts";
import { renderEvents, renderOutput, renderPrompt, renderStep } from "./inspect.ts";
import { labelOf } from "./labels.ts";
import { mountedRows } from "./mounted.ts";
import { renderResult } from "./result.ts";
import { type Row, rowsOf } from "./rows.ts";
import { emptyState, loadValue, type PanelState, takeMessage } from "./store.ts";
import { renderTabs, type Tab } from "./tabs.ts";
import { visible } from "./text.ts";
import { renderTree } from "./tree.ts";

const isOver = (view: RunView | null): boolean => view !== null && view.endedAt !== null;
const nearEnd = 32;

/** The run panel: the result is the hero, the steps with their time stand beside it. Its state is folded from the log. */
export class PodiumPanel extends LitElement {
  readonly #state: PanelState = emptyState();
  readonly #host: Host;
  readonly #closed = new Set<string>();
  /** Answers and cancels that were clicked and that the run has not confirmed. */
  readonly #sent = new Set<string>();
  #selected: string | null = null;
  #active: string | null = null;
  #focusNext: string | null = null;
  #tab: Tab = "Result";
  #ticker: ReturnType<typeof setInterval> | null = null;
  #sticks = false;
  /** One column; the order on the screen is the order of the keyboard. */
  readonly #narrow = window.matchMedia("(max-width: 720px), (max-height: 420px)");

  constructor() {
    super();
    this.#host = connectHost((message) => {
      takeMessage(this.#state, message);
      if (message.type === "init") this.#begin(message.run);
      if (message.type === "problem") this.#sent.clear();
      this.requestUpdate();
    });
  }

  #begin(run: string): void {
    this.#selected = null;
    this.#active = null;
    this.#tab = "Result";
    this.#closed.clear();
    this.#sent.clear();
    this.#host.remember(run);
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#host.post({ type: "ready" });
    this.addEventListener("scroll", this.#onMove, true);
    window.addEventListener("resize", this.#onMove);
    this.#narrow.addEventListener("change", this.#onNarrow);
    this.#ticker = setInterval(() => {
      if (!isOver(this.#state.view)) this.requestUpdate();
    }, 500);
  }

  override disconnectedCallback(): void {
    if (this.#ticker) clearInterval(this.#ticker);
    this.removeEventListener("scroll", this.#onMove, true);
    window.removeEventListener("resize", this.#onMove);
    this.#narrow.removeEventListener("change", this.#onNarrow);
    super.disconnectedCallback();
  }

  readonly #onNarrow = (): void => this.requestUpdate();
  readonly #onMove = (): void => {
    const { view } = this.#state;
    if (view && view.steps.size > 100) this.requestUpdate();
  };

  /** One update a frame, however many messages came. */
  protected override async scheduleUpdate(): Promise<void> {
    await new Promise(requestAnimationFrame);
    const body = this.querySelector("#tab-body");
    this.#sticks =
      body !== null && body.scrollTop > 0 && body.scrollHeight - body.scrollTop - body.clientHeight < nearEnd;
    await super.scheduleUpdate();
  }

  override updated(_changed: PropertyValues): void {
    const row = this.querySelector(".row")?.getBoundingClientRect().height ?? 0;
    for (const spacer of this.querySelectorAll<HTMLElement>(".spacer"))
      spacer.style.height = `${Number(spacer.dataset["rows"] ?? 0) * row}px`;
    const body = this.querySelector("#tab-body");
    if (body && this.#sticks && !isOver(this.#state.view)) body.scrollTop = body.scrollHeight;
    if (this.#focusNext === null) return;
    this.querySelector<HTMLElement>(`[data-instance="${CSS.escape(this.#focusNext)}"]`)?.focus();
    this.#focusNext = null;
  }

  override render(): TemplateResult {
    const { view, recording, lost, problem } = this.#state;
    return html`
      ${patterns()}
      ${recording === null ? nothing : html`<div class="banner" role="note"><i class="codicon codicon-record" aria-hidden="true"></i> <span>${recording}</span></div>`}
      ${lost ? html`<div class="banner" role="status"><i class="codicon codicon-debug-disconnect" aria-hidden="true"></i> <span>Reconnecting… the run goes on.</span></div>` : nothing}
      ${problem ? this.#problem(problem.code, problem.message) : nothing}
      ${view ? this.#page(view) : html`<p class="empty muted">${this.#state.run === null ? "Choose a run in the Runs view." : "Reading the run…"}</p>`}
    `;
  }

  #problem(code: string, sentence: string): TemplateResult {
    const close = (): void => {
      this.#state.problem = null;
      this.requestUpdate();
    };
    return html`<div class="banner problem" role="alert">
      <i class="codicon codicon-error" aria-hidden="true"></i> <span><b>${code}</b> ${visible(sentence)}</span>
      <button class="icon" aria-label="Close this message" @click=${close}><i class="codicon codicon-close" aria-hidden="true"></i></button>
    </div>`;
  }

  readonly #load = (ref: Ref | undefined): Json | undefined =>
    loadValue(this.#state, ref, (hash) => this.#host.post({ type: "blob", hash }));

  get #canAct(): boolean {
    return this.#state.trusted && this.#state.recording === null;
  }

  #page(view: RunView): TemplateResult {
    const now = Date.now() + this.#state.skew;
    const output = this.#load(view.output);
    const { title } = this.#state.row ?? {};
    const question = view.input["question"];
    const left = html`<section class="left" aria-label="Steps"><h2>Steps</h2>${this.#tree(view, now)}</section>`;
    const right = html`<section class="right" aria-label="Result and details">
      ${renderTabs(this.#tab, this.#findings(view), (tab, enter) => this.#choose(tab, enter))}
      <div id="tab-body" class="body" role="tabpanel" aria-labelledby="tab-${this.#tab}" tabindex="0" @keydown=${this.#onBodyKey}>${this.#body(view, output, now)}</div>
      ${this.#tab === "Result" ? this.#followUp(view, output) : nothing}
    </section>`;
    return html`
      ${renderHeader(
        view,
        typeof question === "string" ? question : (title ?? ""),
        { canAct: this.#canAct, isCancelling: this.#sent.has("cancel") },
        {
          cancel: () => this.#once("cancel", () => this.#host.post({ type: "cancel" })),
          resume: () => this.#host.post({ type: "resume" }),
          runAgain: () => this.#host.post({ type: "runAgain" }),
        },
      )}
      ${renderNow(view, this.#state.live, output, now, this.#load)}
      <div class="sr-only" role="status" aria-live="polite">${spokenState(view, this.#state.live, output, this.#load)}</div>
      <main>${this.#narrow.matches ? [right, left] : [left, right]}</main>
      ${renderFooter(view)}
    `;
  }

  #findings(view: RunView): number {
    return view.signals.filter(
      ({ name, value }) => name === "finding" && typeof value === "object" && value !== null && !("reason" in value),
    ).length;
  }

  #tree(view: RunView, now: number): TemplateResult {
    const rows = rowsOf(view, this.#state.live, this.#closed, now);
    if (!rows.some(({ instance }) => instance === this.#active))
      this.#active = this.#selected ?? rows[0]?.instance ?? null;
    const wanted = this.#focusNext === null ? -1 : rows.findIndex(({ instance }) => instance === this.#focusNext);
    const label = (row: Row): string => labelOf(view, row.instance, this.#load);
    const total = Math.max(1, (view.endedAt ?? now) - view.createdAt);
    const tree = renderTree(
      {
        rows,
        label,
        selected: this.#selected,
        active: this.#active,
        total,
        isFlat: rows.every(({ hasChildren }) => !hasChildren),
        mounted: mountedRows(rows.length, this.#place(), wanted),
      },
      {
        focus: (instance) => this.#focus(instance),
        inspect: (instance, enter) => {
          this.#selected = instance;
          this.#active = instance;
          this.#choose(this.#tab === "Result" ? "Step" : this.#tab, false);
          if (enter) this.#enterBody();
        },
        toggle: (instance) => {
          if (!this.#closed.delete(instance)) this.#closed.add(instance);
          this.#focus(instance);
        },
        leave: () => {
          this.#selected = null;
          this.#choose("Result", false);
        },
      },
    );
    return html`${tree} ${legend(rows.map(({ segments }) => segments))}`;
  }

  /** Where the list stands in the window, px. */
  #place(): { readonly top: number; readonly height: number; readonly row: number } {
    const top = this.querySelector(".tree")?.getBoundingClientRect().top ?? 0;
    const row = this.querySelector(".row")?.getBoundingClientRect().height ?? 0;
    return { top, height: window.innerHeight, row };
  }

  #focus(instance: string): void {
    this.#active = instance;
    this.#focusNext = instance;
    if (this.#selected !== null && this.#tab !== "Result") this.#selected = instance;
    this.requestUpdate();
  }

  #choose(tab: Tab, enter: boolean): void {
    this.#tab = tab;
    this.requestUpdate();
    if (enter)
      this.updateComplete.then(() => this.querySelector<HTMLElement>(`#tab-${tab}`)?.focus()).catch(() => undefined);
  }

  #enterBody(): void {
    this.updateComplete.then(() => this.querySelector<HTMLElement>("#tab-body")?.focus()).catch(() => undefined);
  }

  readonly #onBodyKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || this.#active === null) return;
    event.preventDefault();
    this.#focusNext = this.#active;
    this.requestUpdate();
  };

  /** A click counts once until the run or a problem answers. */
  #once(key: string, act: () => void): void {
    if (this.#sent.has(key)) return;
    this.#sent.add(key);
    act();
    this.requestUpdate();
  }

  /** The chosen step; without one, the last that asked a model, else the last. */
  #step(view: RunView): StepView | undefined {
    if (this.#selected !== null) return view.steps.get(this.#selected);
    const steps = [...view.steps.values()];
    return steps.findLast(({ ops }) => ops.some(({ kind }) => kind === "model")) ?? steps.at(-1);
  }

  #body(view: RunView, output: Json | undefined, now: number): TemplateResult {
    const copy = (text: string): void => this.#host.post({ type: "copy", text });
    const { live, events } = this.#state;
    if (this.#tab === "Result")
      return renderResult({ view, live, now, canAct: this.#canAct, load: this.#load }, output, {
        open: (path, line, endLine) => this.#open(path, line, endLine),
        answer: (ask, value) => this.#once(ask, () => this.#host.post({ type: "answer", ask, value })),
        isSent: (ask) => this.#sent.has(ask),
        copy,
      });
    if (this.#tab === "Events") return renderEvents(view, events, this.#selected);
    const step = this.#step(view);
    const instance = this.#selected ?? step?.instance;
    if (instance === undefined) return html`<p class="muted">No step has begun.</p>`;
    const name = html`<h2 class="first">${visible(instance)}</h2>`;
    if (!step) return html`${name}<p class="muted">It only holds other steps, or has not begun.</p>`;
    if (this.#tab === "Step") return html`${name}${renderStep(step, this.#load, copy)}`;
    if (this.#tab === "Prompt") return html`${name}${renderPrompt(step, this.#load, copy)}`;
    return html`${name}${renderOutput(view, step, live, now, this.#load, copy)}`;
  }

  #open(path: string, line: number | null, endLine: number | null): void {
    const lines = { ...(line === null ? {} : { line }), ...(endLine === null ? {} : { endLine }) };
    this.#host.post({ type: "open", path, ...lines });
  }

  /** Not a form: the editor's frame allows none. */
  #followUp(view: RunView, output: Json | undefined): TemplateResult | typeof nothing {
    if (!this.#canAct || view.status !== "succeeded" || !AskResult.safeParse(output).success) return nothing;
    const send = (): void => {
      const field = this.querySelector<HTMLInputElement>("#follow-up");
      const question = field?.value.trim() ?? "";
      if (field === null || question === "") return;
      field.value = "";
      this.#host.post({ type: "followUp", question });
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Enter" && !event.isComposing) send();
    };
    return html`<div class="follow">
      <input id="follow-up" aria-label="Ask a follow-up" placeholder="Ask a follow-up" autocomplete="off" @keydown=${onKey} />
      <button class="primary" @click=${send}>Ask</button>
    </div>`;
  }
}
