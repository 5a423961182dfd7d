import { html, nothing, type TemplateResult } from "lit";
import * as z from "zod";
import type { RunEvent } from "../sidecar/protocol/events.ts";
import type { Json } from "../sidecar/protocol/json.ts";
import type { Live } from "../sidecar/protocol/live.ts";
import type { OpView, RunView, StepView } from "../sidecar/protocol/run.ts";
import { doing } from "./activity.ts";
import type { Load } from "./labels.ts";
import { copyButton, plainText } from "./prose.ts";
import { failure } from "./result.ts";
import { countText, durationText, modelName, valueText, visible } from "./text.ts";
import { statusWords } from "./tree.ts";

type Copy = (text: string) => void;
const Prompt = z.object({
  messages: z.array(z.object({ role: z.string(), content: z.string().optional(), blob: z.string().optional() })),
});
const Generated = z.object({ text: z.string() });

const reading = html`<p class="muted">Reading…</p>`;
const shown = (value: Json | undefined): TemplateResult =>
  value === undefined
    ? reading
    : value === null
      ? html`<p class="note">Empty, or removed by the size limit; the figures are kept.</p>`
      : plainText(value);

/** A heading with a button that copies what is below it. */
const titled = (title: string, value: Json | undefined, copy: Copy): TemplateResult =>
  html`<h3><span>${title}</span>${value === undefined ? nothing : copyButton(() => valueText(value), copy, title)}</h3>${shown(value)}`;

function opView(op: OpView, load: Load, copy: Copy): TemplateResult {
  const figures = [
    op.status,
    ...(op.endedAt === null ? [] : [durationText(op.endedAt - op.startedAt)]),
    ...(op.usage ? [`${countText(op.usage.in)} tokens in`, `${countText(op.usage.out)} out`] : []),
    ...(op.usage?.estimated ? ["estimated"] : []),
    ...(op.effect === "unsafe" ? ["changes things outside"] : []),
  ];
  return html`<h2>${visible(op.kind === "model" ? modelName(op.name) : op.name)}</h2>
    <p class="muted">${figures.join(" · ")}</p>
    ${op.kind === "tool" ? titled("Input", load(op.request), copy) : nothing}
    ${op.kind === "tool" && op.result ? titled("Output", load(op.result), copy) : nothing}
    ${op.error ? failure(op.error) : nothing}`;
}

/** What a step did: its state, its calls with their figures, its value, and why it failed. */
export function renderStep(step: StepView, load: Load, copy: Copy): TemplateResult {
  const took = step.ms ?? null;
  return html`<dl>
      <dt>Status</dt><dd>${statusWords[step.status]}${step.reason ? ` (${step.reason})` : ""}</dd>
      ${step.attempt > 0 ? html`<dt>Attempt</dt><dd>${step.attempt}</dd>` : nothing}
      ${took === null ? nothing : html`<dt>Took</dt><dd>${durationText(took)}</dd>`}
      ${step.edges ? html`<dt>Went</dt><dd>${step.edges.join(", ") || "nowhere: no condition held"}</dd>` : nothing}
    </dl>
    ${step.error ? failure(step.error) : nothing}
    ${step.ops.map((op) => opView(op, load, copy))}
    ${step.delta ? html`<section>${titled("Result", load(step.delta), copy)}</section>` : nothing}`;
}

const modelOps = (step: StepView): readonly OpView[] => step.ops.filter(({ kind }) => kind === "model");
const noModel = html`<p class="muted">This step asks no model.</p>`;

/** The exact messages that were sent. */
export function renderPrompt(step: StepView, load: Load, copy: Copy): TemplateResult {
  const ops = modelOps(step);
  if (ops.length === 0) return noModel;
  return html`${ops.map((op) => {
    const request = load(op.request);
    const prompt = Prompt.safeParse(request);
    if (!prompt.success) return shown(request);
    return html`${op.usage ? html`<p class="muted">${countText(op.usage.in)} tokens${op.usage.estimated ? ", estimated" : ", counted by the server"}</p>` : nothing}
    ${prompt.data.messages.map(({ role, content, blob }) => titled(role, content ?? (blob === undefined ? "" : load({ blob, bytes: 0 })), copy))}`;
  })}`;
}

/** What the model wrote, while it writes it. */
export function renderOutput(
  view: RunView,
  step: StepView,
  live: Live,
  now: number,
  load: Load,
  copy: Copy,
): TemplateResult {
  const ops = modelOps(step);
  if (ops.length === 0) return noModel;
  return html`${ops.map((op) => {
    const open = live.get(`${step.instance}:${op.ordinal}`);
    if (op.result) {
      const result = load(op.result);
      const generated = Generated.safeParse(result);
      return titled("Raw", generated.success ? generated.data.text : result, copy);
    }
    const current = open && doing(view, open, now, load);
    const text = open?.text || op.partial || "";
    return html`${current ? html`<p class="muted">${current.what} <span class="figure">${current.figure}</span></p>` : nothing}
    ${op.error ? failure(op.error) : nothing}
    ${text === "" ? nothing : html`<pre aria-busy="true">${visible(text)}</pre>`}`;
  })}`;
}

const shownEvents = 200;

/** The log itself, newest last. */
export function renderEvents(view: RunView, events: readonly RunEvent[], instance: string | null): TemplateResult {
  const chosen = events.filter((event) => instance === null || ("instance" in event && event.instance === instance));
  const earlier = Math.max(0, chosen.length - shownEvents);
  return html`
    ${earlier > 0 ? html`<p class="note">${countText(earlier)} earlier events are not listed here.</p>` : nothing}
    <table class="events">
      <thead><tr><th class="number">#</th><th class="number">at</th><th>Event</th><th>Step</th></tr></thead>
      <tbody>${chosen.slice(-shownEvents).map((event) => html`<tr><td class="number">${event.seq}</td><td class="number">${durationText(event.at - view.createdAt)}</td><td>${event.kind}</td><td>${"instance" in event ? visible(event.instance) : ""}</td></tr>`)}</tbody>
    </table>`;
}
