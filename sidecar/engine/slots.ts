/** How many steps may run at once in all runs of a hub. Runs that wait for room are woken in the order they came. */
export interface Slots {
  /** Room that is left. */
  readonly free: number;
  take(): void;
  /** Gives `count` back and wakes who waits, while there is room. */
  give(count: number): void;
  /** Calls `wake` once, when there is room; again is the same. */
  wait(wake: () => void): void;
}

export function createSlots(width: number): Slots {
  let used = 0;
  const waiting = new Set<() => void>();
  return {
    get free() {
      return width - used;
    },
    take() {
      used += 1;
    },
    give(count) {
      used -= count;
      for (const wake of waiting) {
        if (used >= width) return;
        waiting.delete(wake);
        wake();
      }
    },
    wait(wake) {
      waiting.add(wake);
    },
  };
}
