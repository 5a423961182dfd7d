/** What `podium --help` prints. */
export const help = `podium: AI workflows on your own models

  ask "question"                      answer from this workspace, with cited lines
  review [--staged|--working|--branch [base]|--range a..b|--patch -]
                                      review a change; exit 1 at findings >= --fail-on
  run <workflow> [-i key=value]…      run any workflow; --input-file FILE|- for a JSON object
  check [files]                       problems of workflow files, with line and column
  runs ls|show|tail|answer|resume|cancel|export|import
  models ls                           servers found, their models, context and roles
  doctor [--rebuild]                  what is wrong and what to do
  hub status|stop [--now]             the background process
  config ls|get KEY|set KEY VALUE

  --format text|json|jsonl   --workspace DIR   --on-ask fail|wait|deny   --timeout 90s
  --budget tokens=50k,minutes=5   --model role=endpoint/model   --server URL   --network local|lan|cloud
  --require-model   --detach   --quiet   --embedded [--data DIR]

  exit: 0 done · 1 gate · 2 usage · 3 waits for you · 4 failed · 5 no hub or no model · 130 interrupted
`;
