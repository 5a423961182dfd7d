import { type CliContext, show, withSession, word } from "./context.ts";
import { answerValue, readNamed } from "./inputs.ts";
import { renderRuns, renderShow } from "./render.ts";
import { followToEnd, printEnded } from "./run-command.ts";
import type { Session } from "./session.ts";

type Verb = (context: CliContext) => Promise<number>;
const isEnded = (status: string): boolean => ["succeeded", "failed", "cancelled"].includes(status);
const runOf = (context: CliContext): string => word(context, 2, "The run id");

/** Does one thing with the run that is named; without a name nothing is opened. */
function onRun(context: CliContext, work: (session: Session, run: string) => Promise<void>): Promise<number> {
  const run = runOf(context);
  return withSession(context, async (session) => {
    await work(session, run);
    return 0;
  });
}

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
    onRun(context, async (session, run) => {
      const found = await session.request("run.get", { run });
      show(context, found, () => renderShow(found, context.style));
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
    onRun(context, async (session, run) => {
      await session.request("run.cancel", { run });
      show(context, {}, () => "cancelled");
    }),
  export: (context) =>
    onRun(context, async (session, run) => context.stdout((await session.request("run.export", { run })).jsonl)),
  import: async (context) => {
    const jsonl = await readNamed(context, word(context, 2, "The file, or -,"));
    return await withSession(context, async (session) => {
      const imported = await session.request("run.import", { jsonl });
      show(context, imported, () => imported.run);
      return 0;
    });
  },
};
