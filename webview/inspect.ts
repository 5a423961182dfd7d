import { html, nothing, type TemplateResult } from "lit";
import * as z from "zod";
import type { Ref, RunEvent } from "../sidecar/protocol/events.ts";
import type { Json } from "../sidecar/protocol/json.ts";
import type { Live } from "../sidecar/protocol/live.ts";
import type { OpView, StepView } from "../sidecar/protocol/run.ts";
import { secondsText } from "./tree.ts";

type Load = (ref: Ref | undefined) => Json | undefined;
const Prompt = z.object({
  messages: z.array(z.object({ role: z.string(), content: z.string().optional(), blob: z.string().optional() })),
});

const shown = (value: Json | undefined): TemplateResult | string =>
  value === undefined
    ? html`<span class="muted">loading…</span>`
    : html`<pre>${typeof value === "string" ? value : JSON.stringify(value, null, 2)}</pre>`;

/** Input, update, attempts and why it failed. */
export function renderStep(step: StepView, load: Load): TemplateResult {
  return html`<dl>
      <dt>Status</dt><dd>${step.status}${step.reason ? ` (${step.reason})` : ""}</dd>
      <dt>Attempt</dt><dd>${step.attempt}</dd>
      <dt>Took</dt><dd>${secondsText(step.ms) || "–"} s</dd>
      ${step.edges ? html`<dt>Taken</dt><dd>${step.edges.join(", ") || "none"}</dd>` : nothing}
    </dl>
    ${step.error ? html`<section class="failure"><b>${step.error.code}</b> ${step.error.message}</section>` : nothing}
    ${step.ops.map(
      (op) => html`<h2>${op.name} <span class="muted">${op.kind} · ${op.status} · ${op.effect}</span></h2>
        ${op.kind === "tool" ? html`<h3>Input</h3>${shown(load(op.request))}${op.result ? html`<h3>Output</h3>${shown(load(op.result))}` : nothing}` : nothing}
        ${op.usage ? html`<p class="muted">${op.usage.in} in · ${op.usage.out} out · ${op.usage.cached} from cache${op.usage.estimated ? " · estimated" : ""}${op.model ? ` · ${op.model}` : ""}</p>` : nothing}
        ${op.error ? html`<section class="failure"><b>${op.error.code}</b> ${op.error.message}</section>` : nothing}`,
    )}
    ${step.delta ? html`<h2>Result</h2>${shown(load(step.delta))}` : nothing}`;
}

const modelOps = (step: StepView): readonly OpView[] => step.ops.filter(({ kind }) => kind === "model");

/** The exact messages that were sent. */
export function renderPrompt(step: StepView, load: Load): TemplateResult {
  const ops = modelOps(step);
  if (ops.length === 0) return html`<p class="muted">This step asks no model.</p>`;
  return html`${ops.map((op) => {
    const request = load(op.request);
    const prompt = Prompt.safeParse(request);
    if (!prompt.success) return shown(request);
    return html`${prompt.data.messages.map(({ role, content, blob }) => html`<h3>${role}</h3>${shown(content ?? (blob === undefined ? "" : load({ blob, bytes: 0 })))}`)}`;
  })}`;
}

/** What the model wrote, while it writes it. */
export function renderOutput(step: StepView, live: Live, load: Load): TemplateResult {
  const ops = modelOps(step);
  if (ops.length === 0) return html`<p class="muted">This step asks no model.</p>`;
  return html`${ops.map((op) => {
    const open = live.get(`${step.instance}:${op.ordinal}`);
    return op.result ? shown(load(op.result)) : html`<pre aria-busy="true">${open?.text ?? op.partial ?? ""}</pre>`;
  })}`;
}

/** The log itself, newest last. */
export function renderEvents(events: readonly RunEvent[], instance: string | null): TemplateResult {
  const chosen = events
    .filter((event) => instance === null || ("instance" in event && event.instance === instance))
    .slice(-200);
  return html`<table>
    <thead><tr><th>#</th><th>Event</th><th>Step</th></tr></thead>
    <tbody>${chosen.map((event) => html`<tr><td class="number">${event.seq}</td><td>${event.kind}</td><td>${"instance" in event ? event.instance : ""}</td></tr>`)}</tbody>
  </table>`;
}
