import { type CliContext, show, withSession, word } from "./context.ts";
import { answerValue, readNamed } from "./inputs.ts";
import { renderRuns, renderShow } from "./render.ts";
import { followToEnd, printEnded } from "./run-command.ts";

type Verb = (context: CliContext) => Promise<number>;
const isEnded = (status: string): boolean => ["succeeded", "failed", "cancelled"].includes(status);
const runOf = (context: CliContext): string => word(context, 2, "The run id");

/** `podium runs …`, by verb. */
export const runs: Readonly<Record<string, Verb>> = {
  ls: (context) =>
    withSession(context, async (session) => {
      const { limit, values } = context.invocation;
      const page = await session.request("run.list", {
        ...(limit === null ? {} : { limit }),
        ...(values.before === undefined ? {} : { before: values.before }),
        ...(values.all ? { all: true } : {}),
      });
      show(context, page, () => renderRuns(page, context.width));
      return 0;
    }),
  show: (context) =>
    withSession(context, async (session) => {
      const found = await session.request("run.get", { run: runOf(context) });
      show(context, found, () => renderShow(found, context.style));
      return 0;
    }),
  tail: async (context) => {
    const run = runOf(context);
    return await followToEnd(context, await context.open(), run);
  },
  answer: async (context) => {
    const run = runOf(context);
    const ask = context.invocation.words[3];
    const value = answerValue(context);
    const session = await context.open();
    try {
      const answered = await session.request("run.answer", { run, value, ...(ask === undefined ? {} : { ask }) });
      // Attached, the run goes on by itself; embedded, nobody else would carry it on.
      if (context.invocation.values.embedded) return await followToEnd(context, session, run);
      show(context, answered, () => `answered ${answered.ask}`);
      return 0;
    } finally {
      await session.close();
    }
  },
  resume: async (context) => {
    const run = runOf(context);
    const session = await context.open();
    try {
      const { status } = await session.request("run.resume", { run });
      return isEnded(status) ? await printEnded(context, session, run) : await followToEnd(context, session, run);
    } finally {
      await session.close();
    }
  },
  cancel: (context) =>
    withSession(context, async (session) => {
      await session.request("run.cancel", { run: runOf(context) });
      show(context, {}, () => "cancelled");
      return 0;
    }),
  export: (context) =>
    withSession(context, async (session) => {
      context.stdout((await session.request("run.export", { run: runOf(context) })).jsonl);
      return 0;
    }),
  import: async (context) => {
    const jsonl = await readNamed(context, word(context, 2, "The file, or -,"));
    return await withSession(context, async (session) => {
      const imported = await session.request("run.import", { jsonl });
      show(context, imported, () => imported.run);
      return 0;
    });
  },
};
