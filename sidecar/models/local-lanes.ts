import type { CallClass, Clock, Lanes, LaneTake } from "../ports.ts";
import { effectiveClass } from "./rank.ts";

interface Ticket {
  readonly device: string;
  readonly callClass: CallClass;
  readonly number: number;
  readonly since: number;
  taken: boolean;
}

/** Lanes of one process alone: tests, `--embedded`, and machines where the shared file cannot be opened. */
export function createLocalLanes(clock: Clock): Lanes {
  const tickets = new Map<string, Ticket>();
  const coolUntil = new Map<string, number>();
  let next = 1;

  const before = (mine: Ticket, other: Ticket, now: number): boolean => {
    if (other === mine || other.taken || other.device !== mine.device) return false;
    const difference = effectiveClass(other, now) - effectiveClass(mine, now);
    return difference < 0 || (difference === 0 && other.number < mine.number);
  };

  return {
    ticket: async (device, callClass) => {
      const id = `t${next}`;
      tickets.set(id, { device, callClass, number: next, since: clock.monotonic(), taken: false });
      next += 1;
      return id;
    },
    take: async (id, width): Promise<LaneTake> => {
      const mine = tickets.get(id);
      if (!mine) return { taken: false, before: 0, holder: null, coolMs: 0 };
      const now = clock.monotonic();
      const others = [...tickets.values()];
      const coolMs = Math.max(0, (coolUntil.get(mine.device) ?? 0) - now);
      const busy = others.filter((other) => other.taken && other.device === mine.device).length;
      const ahead = others.filter((other) => before(mine, other, now)).length;
      if (coolMs > 0 || busy + ahead >= width) return { taken: false, before: ahead, holder: null, coolMs };
      mine.taken = true;
      return { taken: true };
    },
    release: async (id, coolMs) => {
      const ticket = tickets.get(id);
      if (!ticket) return;
      tickets.delete(id);
      if (coolMs > 0)
        coolUntil.set(ticket.device, Math.max(coolUntil.get(ticket.device) ?? 0, clock.monotonic() + coolMs));
    },
  };
}
