export interface RateLimit {
  /** Counts one more. Returns 0 when it is within the limit, else the whole seconds until the next one may come. */
  take(): number;
}

/** At most `limit` in any `windowMs`; `now` is monotonic, in ms. What is refused does not count. */
export function createRateLimit(limit: number, windowMs: number, now: () => number): RateLimit {
  const taken: number[] = [];
  return {
    take() {
      const at = now();
      while (taken.length > 0 && at - (taken[0] ?? 0) >= windowMs) taken.shift();
      if (taken.length < limit) {
        taken.push(at);
        return 0;
      }
      return Math.max(1, Math.ceil(((taken[0] ?? at) + windowMs - at) / 1000));
    },
  };
}
