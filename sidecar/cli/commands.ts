import { resolve } from "node:path";
import { PodiumError } from "../protocol/errors.ts";
import type { DoctorResult } from "../protocol/results.ts";
import { type SettingKey, settings } from "../protocol/settings.ts";
import { configCommand } from "./config.ts";
import { type CliContext, serversOf, show, withSession, word, workspaceRoot } from "./context.ts";
import { doctorWithoutHub } from "./doctor.ts";
import { hub } from "./hub.ts";
import { reviewInput, runInput } from "./inputs.ts";
import { renderCheck, renderDoctor, renderModels } from "./render.ts";
import { askInput, runWorkflow, workflowName } from "./run-command.ts";
import { runs } from "./runs.ts";

type Command = (context: CliContext) => Promise<number>;

function nested(table: Readonly<Record<string, Command>>, noun: string): Command {
  return (context) => {
    const verb = context.invocation.words[1];
    const command = verb === undefined || !Object.hasOwn(table, verb) ? undefined : table[verb];
    if (command) return command(context);
    const verbs = Object.keys(table).join(", ");
    throw new PodiumError("usage", `podium ${noun} takes ${verbs}${verb === undefined ? "" : `, not ${verb}`}.`);
  };
}

async function doctor(context: CliContext): Promise<number> {
  const print = (result: DoctorResult): number => {
    show(context, result, () => renderDoctor(result, context.style));
    return result.ok ? 0 : 1;
  };
  try {
    return await withSession(context, async (session) =>
      print(await session.request("doctor.run", { rebuild: context.invocation.values.rebuild ?? false })),
    );
  } catch (error) {
    if (error instanceof PodiumError) return print(doctorWithoutHub(error, context.home));
    throw error;
  }
}

/** Every command: noun or verb → what it does. */
export const commands: Readonly<Record<string, Command>> = {
  ask: async (context) => {
    word(context, 1, "The question");
    return await runWorkflow(context, "ask_workspace", (session) => askInput(context, session));
  },
  review: async (context) => {
    const input = await reviewInput(context);
    return await runWorkflow(context, "review_changes", async () => input);
  },
  run: async (context) => {
    const workflow = workflowName(context, word(context, 1, "The workflow"));
    const input = await runInput(context);
    return await runWorkflow(context, workflow, async () => input);
  },
  check: (context) =>
    withSession(context, async (session) => {
      const root = workspaceRoot(context.invocation, context.cwd);
      const files = context.invocation.words.slice(1).map((file) => resolve(context.cwd, file));
      const checked = await session.request("workflow.check", files.length > 0 ? { files } : {});
      show(context, checked, () => renderCheck(checked) || `No workflow files under ${root}.`);
      return checked.ok ? 0 : 1;
    }),
  runs: nested(runs, "runs"),
  models: nested(
    {
      ls: (context) =>
        withSession(context, async (session) => {
          const servers = serversOf(context);
          const models = await session.request("model.list", {
            refresh: true,
            ...(servers === null ? {} : { servers: [...servers] }),
          });
          show(context, models, () => renderModels(models, context.width));
          return 0;
        }),
    },
    "models",
  ),
  doctor,
  hub: nested(hub, "hub"),
  config: (context) =>
    configCommand(
      context,
      Object.keys(settings).filter((key): key is SettingKey => key in settings),
    ),
};
