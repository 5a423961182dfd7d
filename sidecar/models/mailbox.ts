/** A buffer with one reader: `take` resolves with the oldest value, now or when it comes. */
export interface Mailbox<T> {
  push(value: T): void;
  take(): Promise<T>;
}

export function createMailbox<T>(): Mailbox<T> {
  const values: T[] = [];
  const readers: ((value: T) => void)[] = [];
  return {
    push: (value) => {
      const reader = readers.shift();
      if (reader) reader(value);
      else values.push(value);
    },
    take: () => {
      const value = values.shift();
      return value === undefined ? new Promise((resolve) => readers.push(resolve)) : Promise.resolve(value);
    },
  };
}
