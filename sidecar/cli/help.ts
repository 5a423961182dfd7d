const general = `podium: AI workflows on your own models

  ask "question" [--follow RUN]       answer from this workspace, with cited lines
  review [--staged|--working|--branch [base]|--range a..b|--patch FILE|-]
                                      review a change; exit 1 at findings >= --fail-on
  run WORKFLOW [-i key=value]…        run a workflow by its name or its file
  check [files]                       problems of workflow files, with line and column
  runs ls|show|tail|answer|resume|cancel|export|import
  models ls                           servers found, their models, context and roles
  doctor [--rebuild]                  what is wrong and what to do
  hub status|stop|logs                the background process
  config ls|get|set                   settings outside the editor

  podium COMMAND --help says more about one of them.
`;

const flags = `
everywhere:
  --format text|json|jsonl   -o FILE   --workspace DIR   --quiet
  --embedded [--data DIR]    without the background process, on a data directory of its own
for what runs:
  --on-ask fail|wait|deny    --timeout 90s    --detach    --budget tokens=50k,minutes=5,usd=1
  --model role=endpoint/model    --server URL    --network local|lan|cloud    --require-model
environment: PODIUM_HOME  PODIUM_SERVERS  PODIUM_NETWORK  NO_COLOR
exit: 0 done · 1 gate · 2 usage · 3 waits for you · 4 failed · 5 no hub or no model · 130 interrupted
`;

const nouns: { readonly [noun: string]: string } = {
  ask: `podium ask "question"                answer from this workspace, with cited lines
  --follow RUN                         a follow-up: the answer of that run is the context
  --model main=endpoint/model          which model answers
`,
  review: `podium review                        review a change
  --staged                             what is staged (the default)
  --working                            everything since the last commit, untracked files too
  --branch [base]                      this branch since it left base (default: main)
  --range a..b                         between two commits
  --patch FILE|-                       a patch, from a file or stdin
  --depth quick|normal|deep            one pass, or find and verify
  --fail-on high|medium|none           exit 1 at findings as severe as this (default: high)
  --require-model, --allow-degraded    whether rules alone are enough; in CI a model is required
`,
  run: `podium run WORKFLOW                  run a workflow by its name or its file
  -i key=value                         an input, JSON if it parses, else text; repeatable
  --input FILE|-                       all inputs as one JSON object
`,
  check: `podium check [files]                 problems of workflow files, with line and column
                                       without files: those in .podium/workflows; exit 1 if there are any
`,
  runs: `podium runs ls                       the runs of this workspace, newest first
    [--limit N] [--before RUN] [--all] how many, from where on, of every workspace
podium runs show RUN                 its result and steps
podium runs tail RUN                 follow it to its end
podium runs answer RUN [ASK]         --value JSON | --grant | --deny
                                     after an unknown outcome: --retry | --done JSON | --skip
podium runs resume RUN               go on with a run that waits
podium runs cancel RUN               end it
podium runs export RUN               the event log as JSON lines
podium runs import FILE|-            read such a log; the run keeps its id
`,
  models: `podium models ls                     servers found, their models, context and roles
  --server URL                         look at this server instead; repeatable
`,
  doctor: `podium doctor                        what is wrong and what to do; exit 1 if something is
  --rebuild                            make the lists anew from the event log
`,
  hub: `podium hub status                    the background process: its id, clients and open runs
podium hub stop [--now]              end it; open model calls are waited for, or aborted with --now; runs go on later
podium hub logs                      what it wrote last
`,
  config: `podium config ls                     every setting with its value
podium config get KEY
podium config set KEY VALUE          JSON if it parses, else text
`,
};

/** What `podium [noun] --help` prints. */
export function helpOf(noun: string | undefined): string {
  return `${(noun === undefined ? undefined : nouns[noun]) ?? general}${flags}`;
}
