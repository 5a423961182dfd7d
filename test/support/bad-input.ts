import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { ErrorCode } from "../../sidecar/protocol/errors.ts";
import { fakeOllama } from "./fake-ollama.ts";

/** Where something was already done: a data directory with runs in it, and a git workspace with one commit. */
interface BadWorld {
  readonly home: string;
  readonly root: string;
}

/** What to do in the arranged world. */
export interface Attempt {
  /** Laid over the environment of every process of Podium that starts from now on. */
  readonly env: Readonly<Record<string, string>>;
  /** The Node version that the starting process must claim to be (`process.versions.node`); absent = its own. */
  readonly node?: string;
  /** The request as the hub's method `run.start` gets it, from the editor or another client. */
  readonly start: { readonly workflow: string; readonly input: Readonly<Record<string, string>> };
  /** The same request on the command line. */
  readonly words: readonly string[];
  /** Takes back what would hinder the next attempt; what Podium kept stays. */
  readonly undo: () => Promise<void>;
}

/** One row of "Bad input". */
export interface BadInput {
  readonly name: string;
  /** What it is called; null = Podium copes, so there is nothing to say. */
  readonly code: ErrorCode | null;
  /**
   * Where it shows: `start` = Podium cannot start, `request` = the request is refused, `run` = the run fails with it,
   * `notice` = the work succeeds and one line says what was wrong, `nowhere` = the work succeeds.
   */
  readonly shows: "start" | "request" | "run" | "notice" | "nowhere";
  /** True = before it is arranged the hub must be stopped in good order, and after the attempt none may run. */
  readonly cold: boolean;
  /** Exit code of the command line. */
  readonly exit: number;
  /** What the one sentence must name as the cause, and as what to do. */
  readonly cause: RegExp;
  readonly wayOut: RegExp;
  readonly arrange: (world: BadWorld) => Promise<Attempt>;
}

const nothing = async (): Promise<void> => undefined;

function put(root: string, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

const readWorkflow = `podium: 1
name: read_file
about: Reads one file.
input: { path: string }
steps:
  - { id: file, use: workspace.read, with: { path: =input.path } }
output: file.text
`;

const tellWorkflow = `podium: 1
name: tell
about: Asks the model what the input says.
input: { text: string }
steps:
  - { id: answer, ask: "Say it shorter: \${input.text}" }
output: answer.text
`;

/** Reads `path` through a workflow of the workspace. */
function reading({ root }: BadWorld, path: string): Attempt {
  put(root, ".podium/workflows/read_file.yaml", readWorkflow);
  return {
    env: {},
    start: { workflow: "read_file", input: { path } },
    words: ["run", "read_file", "-i", `path=${path}`],
    undo: nothing,
  };
}

/** Lets a model shorten `text`. */
function telling({ root }: BadWorld, text: string, server: { readonly url: string; close(): Promise<void> }): Attempt {
  put(root, ".podium/workflows/tell.yaml", tellWorkflow);
  return {
    env: { PODIUM_SERVERS: server.url },
    start: { workflow: "tell", input: { text } },
    words: ["run", "tell", "-i", `text=${text}`],
    undo: () => server.close(),
  };
}

const reviewing = (scope: string): Pick<Attempt, "start" | "words"> => ({
  start: { workflow: "review_changes", input: { scope } },
  words: ["review", `--${scope}`],
});

const asking = { workflow: "ask_workspace", input: { question: "Where does the brass key hang?" } };
const askWords = ["ask", asking.input.question];

interface Listening {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** A web server that knows nothing of models, nor of Podium. */
async function webServer(): Promise<Listening> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Router</title><h1>Hello</h1>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Issue 4, "Bad input": each gives code, one-sentence cause and what to do, and nothing already done is lost. */
export const badInputs: readonly BadInput[] = [
  {
    name: "unknown workflow",
    code: "unknown_workflow",
    shows: "request",
    cold: false,
    exit: 2,
    cause: /no workflow ask_workspce/,
    wayOut: /There are: .*ask_workspace/,
    arrange: async () => ({
      env: {},
      start: { workflow: "ask_workspce", input: {} },
      words: ["run", "ask_workspce"],
      undo: nothing,
    }),
  },
  {
    name: "file outside the workspace",
    code: "outside_workspace",
    shows: "run",
    cold: false,
    exit: 4,
    cause: /\.\.\/secret\.txt.* is outside/,
    wayOut: /give a path inside/,
    arrange: async (world) => {
      put(dirname(world.root), "secret.txt", "nothing for you\n");
      return reading(world, "../secret.txt");
    },
  },
  {
    name: "binary file",
    code: "file_binary",
    shows: "run",
    cold: false,
    exit: 4,
    cause: /logo\.bin is not text/,
    wayOut: /choose a text file/,
    arrange: async (world) => {
      put(world.root, "logo.bin", Buffer.from([137, 80, 78, 71, 0, 1, 2, 3]));
      return reading(world, "logo.bin");
    },
  },
  {
    name: "100 MB file",
    code: "too_large",
    shows: "run",
    cold: false,
    exit: 4,
    cause: /huge\.log has 104857600 bytes/,
    wayOut: /choose a smaller file/,
    arrange: async (world) => {
      put(world.root, "huge.log", "a line\n");
      truncateSync(join(world.root, "huge.log"), 100 * 1024 * 1024);
      return reading(world, "huge.log");
    },
  },
  {
    name: "empty repository",
    code: "git_failed",
    shows: "run",
    cold: false,
    exit: 4,
    cause: /no commit/,
    wayOut: /commit something first/,
    arrange: async ({ root }) => {
      renameSync(join(root, ".git"), join(dirname(root), "git.aside"));
      execFileSync("git", ["init", "-q", "-b", "main"], { cwd: root });
      return {
        env: {},
        ...reviewing("branch"),
        undo: async () => {
          rmSync(join(root, ".git"), { recursive: true });
          renameSync(join(dirname(root), "git.aside"), join(root, ".git"));
        },
      };
    },
  },
  {
    name: "no git",
    code: "git_missing",
    shows: "run",
    cold: true,
    exit: 4,
    cause: /git was not found on PATH/,
    wayOut: /install it/,
    arrange: async ({ home }) => {
      const path = join(dirname(home), "no-programs");
      mkdirSync(path, { recursive: true });
      return { env: { PATH: path }, ...reviewing("staged"), undo: nothing };
    },
  },
  {
    name: "wrong Node",
    code: "node_too_old",
    shows: "start",
    cold: true,
    exit: 5,
    cause: /needs Node 22\.15 or newer.*18\.19\.0/,
    wayOut: /[Ii]nstall/,
    arrange: async ({ home }) => {
      const path = join(dirname(home), "old-programs");
      put(path, "node", "#!/bin/sh\necho v18.19.0\n");
      chmodSync(join(path, "node"), 0o755);
      return { env: { PATH: path }, node: "18.19.0", start: asking, words: askWords, undo: nothing };
    },
  },
  {
    // A file in its place: a test that runs as root could read a directory of any mode.
    name: "unreadable data directory",
    code: "data_unreadable",
    shows: "start",
    cold: true,
    exit: 5,
    cause: /home/,
    wayOut: /PODIUM_HOME/,
    arrange: async ({ home }) => {
      renameSync(home, `${home}.aside`);
      writeFileSync(home, "not a directory\n");
      return {
        env: {},
        start: asking,
        words: askWords,
        undo: async () => {
          rmSync(home);
          renameSync(`${home}.aside`, home);
        },
      };
    },
  },
  {
    name: "corrupt database",
    code: "data_corrupt",
    shows: "notice",
    cold: true,
    exit: 0,
    cause: /podium\.db\.corrupt-\d+/,
    wayOut: /podium doctor/,
    arrange: async ({ home }) => {
      const file = join(home, "podium.db");
      const journal = `${file}-wal`;
      if (existsSync(journal) && statSync(journal).size > 0)
        throw new Error("The hub was not stopped in good order, so its data is not in podium.db yet.");
      const bytes = readFileSync(file);
      bytes.fill(0xff, 0, 100);
      writeFileSync(file, bytes);
      return { env: {}, start: asking, words: askWords, undo: nothing };
    },
  },
  {
    name: "port taken",
    code: "port_taken",
    shows: "start",
    cold: true,
    exit: 5,
    cause: /port \d+ .*taken/i,
    wayOut: /Close the program|PODIUM_PORT/,
    arrange: async () => {
      const other = await webServer();
      return { env: { PODIUM_PORT: String(other.port) }, start: asking, words: askWords, undo: () => other.close() };
    },
  },
  {
    name: "port and process id of the last hub taken by another program",
    code: null,
    shows: "nowhere",
    cold: true,
    exit: 0,
    cause: /^/,
    wayOut: /^/,
    arrange: async ({ home }) => {
      const other = await webServer();
      const file = join(home, "hub.json");
      const record: unknown = JSON.parse(readFileSync(file, "utf8"));
      const stale = { startedAt: 1, token: "stale", human: "stale", pid: process.pid, port: other.port };
      writeFileSync(file, JSON.stringify({ ...(record as object), ...stale }));
      return { env: {}, start: asking, words: askWords, undo: () => other.close() };
    },
  },
  {
    name: "server that answers HTML",
    code: "provider_unavailable",
    shows: "run",
    cold: true,
    exit: 4,
    cause: /127\.0\.0\.1:\d+ answered with a web page/,
    wayOut: /enter its API address/,
    arrange: async (world) => telling(world, "one", await webServer()),
  },
  {
    name: "model that is not installed",
    code: "model_missing",
    shows: "run",
    cold: true,
    exit: 4,
    cause: /No server lists the model ollama\/absent:7b/,
    wayOut: /Choose one of them or install it/,
    arrange: async (world) => {
      const attempt = telling(world, "one", await fakeOllama());
      const settings = join(world.home, "settings.json");
      writeFileSync(settings, JSON.stringify({ roles: { main: "ollama/absent:7b" } }));
      return {
        ...attempt,
        undo: async () => {
          rmSync(settings);
          await attempt.undo();
        },
      };
    },
  },
  {
    name: "prompt larger than any window",
    code: "context_overflow",
    shows: "run",
    cold: true,
    exit: 4,
    cause: /needs about \d+ tokens but .*small:1b holds 4096/,
    wayOut: /Shorten them or choose a model with a larger window/,
    arrange: async (world) =>
      telling(world, "many words ".repeat(9000), await fakeOllama({ models: [{ name: "small:1b", context: 4096 }] })),
  },
  {
    name: "malformed YAML",
    code: "invalid_workflow",
    shows: "request",
    cold: false,
    exit: 2,
    cause: /broken\.yaml:\d+:\d+ This is not YAML/,
    wayOut: /podium check/,
    arrange: async ({ root }) => {
      put(
        root,
        ".podium/workflows/broken.yaml",
        "podium: 1\nname: broken\nsteps:\n  - { id: one, use: workspace.list\n",
      );
      return { env: {}, start: { workflow: "broken", input: {} }, words: ["run", "broken"], undo: nothing };
    },
  },
];
