import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { Ir, Node } from "../../sidecar/protocol/ir.ts";

// Ends by instance, as the log has them: what the oracle decides from.
interface Log {
  readonly ended: Map<string, readonly string[]>;
  readonly skipped: Set<string>;
  readonly started: Set<string>;
  readonly opened: Map<string, number>;
  readonly denied: Set<string>;
  /** Started, and neither ended nor parked since. */
  readonly running: Set<string>;
  /** Every instance that the log names. */
  readonly named: Set<string>;
}

export const logOf = (events: readonly RunEvent[]): Log => {
  const log: Log = {
    ended: new Map(),
    skipped: new Set(),
    started: new Set(),
    opened: new Map(),
    denied: new Set(),
    running: new Set(),
    named: new Set(),
  };
  for (const event of events) {
    if (!("instance" in event)) continue;
    log.named.add(event.instance);
    if (event.kind !== "answer") log.running.delete(event.instance);
    if (event.kind === "step-start") log.started.add(event.instance);
    if (event.kind === "step-start" || event.kind === "answer") log.running.add(event.instance);
    if (event.kind === "step-end") log.ended.set(event.instance, event.edges ?? []);
    if (event.kind === "step-end" && event.denied) log.denied.add(event.instance);
    if (event.kind === "step-skip") log.skipped.add(event.instance);
    if (event.kind === "map-open") log.opened.set(event.instance, event.n);
  }
  return log;
};

/** E2 as it is written, from nothing but the log: which steps may start, without any width. */
export function naiveNext(ir: Ir, log: Log): Set<string> {
  const starts = new Set<string>();
  /** "open", "taken" or "dead": what the end of a node says to its out-edges. */
  const edge = (node: Node, prefix: string): "open" | "taken" | "dead" => {
    const instance = `${prefix}${node.id}`;
    if (log.skipped.has(instance)) return "dead";
    if (!log.ended.has(instance)) return "open";
    if (node.kind !== "switch") return "taken";
    const taken = node.arms.filter((arm) => log.ended.get(instance)?.includes(arm.name));
    return taken.every((arm) => hasEnded(arm.nodes, `${instance}.${arm.name}/`)) ? "taken" : "open";
  };
  const hasEnded = (nodes: readonly Node[], prefix: string): boolean =>
    nodes.every((node) => edge(node, prefix) !== "open");
  /** An approve gates all that is written below it, whatever that needs, until it was answered with Yes. */
  const gate = (node: Node, nodes: readonly Node[], prefix: string): "open" | "yes" | "no" => {
    const approves = nodes.slice(0, nodes.indexOf(node)).filter(isApprove);
    const states = approves.map((approve) => edge(approve, prefix));
    if (states.includes("open")) return "open";
    return states.includes("dead") || approves.some(({ id }) => log.denied.has(`${prefix}${id}`)) ? "no" : "yes";
  };
  const isReady = (node: Node, nodes: readonly Node[], prefix: string): boolean => {
    const edges = nodes.filter(({ id }) => node.needs.includes(id)).map((need) => edge(need, prefix));
    const isResolved = edges.every((state) => state !== "open") && (edges.length === 0 || edges.includes("taken"));
    return isResolved && gate(node, nodes, prefix) === "yes";
  };
  /** At most `width` items in which something runs or may start; parked ones use none of it. */
  const visitItems = (node: Node & { kind: "map" }, instance: string): void => {
    if (log.ended.has(instance)) return;
    let room = node.width;
    for (let index = 0; index < (log.opened.get(instance) ?? 0); index += 1) {
      const prefix = `${instance}[${index}]/`;
      if (log.ended.has(prefix.slice(0, -1))) continue;
      const isAdmitted = [...log.named].some((name) => name.startsWith(prefix));
      if (room <= 0 && !isAdmitted) return;
      const before = starts.size;
      visit(node.nodes, prefix);
      if (starts.size > before || [...log.running].some((name) => name.startsWith(prefix))) room -= 1;
    }
  };
  const visit = (nodes: readonly Node[], prefix: string): void => {
    for (const node of nodes.filter((candidate) => isReady(candidate, nodes, prefix))) {
      const instance = `${prefix}${node.id}`;
      const taken = log.ended.get(instance) ?? [];
      if (node.kind === "map") visitItems(node, instance);
      else if (node.kind === "step" && !log.started.has(instance)) starts.add(instance);
      else if (node.kind === "switch") {
        const arms = node.arms.filter((arm) => taken.includes(arm.name));
        for (const arm of arms) visit(arm.nodes, `${instance}.${arm.name}/`);
      }
    }
  };
  visit(ir.nodes, "");
  return starts;
}

export const isApprove = (node: Node): boolean => node.kind === "step" && node.step === "approve@1";
