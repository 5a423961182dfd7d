import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import {
  createProtocolConnection,
  DidChangeTextDocumentNotification,
  DidChangeWorkspaceFoldersNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  InitializedNotification,
  InitializeRequest,
  type ProtocolConnection,
  PublishDiagnosticsNotification,
  type PublishDiagnosticsParams,
  ShutdownRequest,
} from "vscode-languageserver-protocol/node";
import { createWebSocketStream, type WebSocket } from "ws";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { Finding } from "../../sidecar/protocol/review.ts";
import type { Doors } from "../../sidecar/server/doors.ts";
import { createFindingBoard, type FindingBoard } from "../../sidecar/server/findings.ts";
import { serveLsp } from "../../sidecar/server/lsp.ts";
import { until } from "../support/hub.ts";
import { createReached, openSocket, openTestDoors } from "./support.ts";

const finding = (path: string, line: number, quote: string): Finding => ({
  id: `${path}-${line}`,
  path,
  line,
  endLine: line,
  quote,
  rule: "model/correctness",
  category: "correctness",
  severity: "high",
  title: "A title",
  claim: "A claim.",
  trigger: "an input",
  verified: true,
});
const start = (run: string, root: string): RunEvent =>
  ({ run, seq: 1, at: 1, epoch: 1, kind: "run-start", workflow: "review_changes", root }) as unknown as RunEvent;
const found = (run: string, value: Finding): RunEvent => ({
  run,
  seq: 2,
  at: 2,
  epoch: 1,
  kind: "signal",
  instance: "each[0]",
  name: "finding",
  value: JSON.parse(JSON.stringify(value)),
});

/** One language client over a real socket, and what was published to it last, by URI. */
interface Client {
  readonly socket: WebSocket;
  readonly connection: ProtocolConnection;
  readonly published: Map<string, PublishDiagnosticsParams>;
  /** Resolves when the URI has exactly these lines (from 0). */
  lines(uri: string, lines: readonly number[]): Promise<PublishDiagnosticsParams>;
}

async function attach(doors: Doors): Promise<Client> {
  const socket = await openSocket(doors.port, "/lsp");
  const stream = createWebSocketStream(socket);
  stream.on("error", () => undefined);
  const connection = createProtocolConnection(new StreamMessageReader(stream), new StreamMessageWriter(stream));
  const published = new Map<string, PublishDiagnosticsParams>();
  connection.onNotification(PublishDiagnosticsNotification.type, (params) => {
    published.set(params.uri, params);
  });
  connection.listen();
  return {
    socket,
    connection,
    published,
    lines: (uri, lines) =>
      until(`lines ${lines} in ${uri}`, () => {
        const last = published.get(uri);
        const at = last?.diagnostics.map(({ range }) => range.start.line);
        return JSON.stringify(at) === JSON.stringify(lines) ? last : null;
      }),
  };
}

describe("the language server", () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "podium-lsp-")));
  const root = join(base, "real");
  const other = join(base, "other");
  const link = join(base, "link");
  mkdirSync(root);
  mkdirSync(other);
  symlinkSync(root, link, "dir");
  const uriIn = (folder: string, path: string): string => pathToFileURL(join(folder, path)).toString();
  const folder = (path: string) => ({ uri: pathToFileURL(path).toString(), name: path });
  let board: FindingBoard;
  let doors: Doors;
  let log: readonly RunEvent[] = [];
  const clients: Client[] = [];

  beforeEach(async () => {
    board = createFindingBoard();
    log = [];
    const realRoots = async (roots: readonly string[]): Promise<readonly string[]> => {
      const all = await Promise.all(roots.map((path) => realpath(path).catch(() => "")));
      return all.filter(Boolean);
    };
    doors = await openTestDoors({
      ...createReached(),
      serveLsp: (socket) => serveLsp(socket, board, realRoots, async () => log),
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.terminate();
    await doors.close();
  });
  after(() => rmSync(base, { recursive: true, force: true }));

  const initialize = async (...folders: readonly string[]): Promise<Client> => {
    const client = await attach(doors);
    clients.push(client);
    const { capabilities } = await client.connection.sendRequest(InitializeRequest.type, {
      processId: null,
      rootUri: null,
      capabilities: {},
      workspaceFolders: folders.map(folder),
    });
    assert.deepEqual(capabilities.workspace?.workspaceFolders, { supported: true, changeNotifications: true });
    await client.connection.sendNotification(InitializedNotification.type, {});
    return client;
  };

  it("publishes each finding the moment it is verified, not when the review ends", async () => {
    const client = await initialize(root);
    board.take(start("run_1", root));
    board.take(found("run_1", finding("a.ts", 3, "let x = 1")));
    const first = await client.lines(uriIn(root, "a.ts"), [2]);
    assert.deepEqual(first.diagnostics[0], {
      range: { start: { line: 2, character: 0 }, end: { line: 2, character: 10_000 } },
      severity: 2,
      source: "Podium",
      code: "model/correctness",
      message: "A title\nA claim.\nTrigger: an input",
      data: { id: "a.ts-3", run: "run_1" },
    });
    board.take(found("run_1", finding("a.ts", 9, "let y = 1")));
    await client.lines(uriIn(root, "a.ts"), [2, 8]);
    board.take(found("run_1", finding("b/c.ts", 1, "z")));
    await client.lines(uriIn(root, "b/c.ts"), [0]);
    assert.equal(client.published.size, 2);
  });

  it("takes the findings away when the next review of that folder begins", async () => {
    const client = await initialize(root);
    board.take(start("run_1", root));
    board.take(found("run_1", finding("a.ts", 3, "x")));
    await client.lines(uriIn(root, "a.ts"), [2]);
    board.take(start("run_2", root));
    await client.lines(uriIn(root, "a.ts"), []);
    board.take(found("run_1", finding("a.ts", 3, "x")));
    board.take(found("run_2", finding("a.ts", 5, "x")));
    await client.lines(uriIn(root, "a.ts"), [4]);
  });

  it("gives all findings again after a new attach, also from the log of the newest review", async () => {
    board.take(start("run_1", root));
    board.take(found("run_1", finding("a.ts", 3, "x")));
    const first = await initialize(root);
    await first.lines(uriIn(root, "a.ts"), [2]);
    first.socket.terminate();
    await (await initialize(root)).lines(uriIn(root, "a.ts"), [2]);
    // A hub that was started anew has an empty board.
    board = createFindingBoard();
    log = [start("run_1", root), found("run_1", finding("a.ts", 7, "x"))];
    await (await initialize(root)).lines(uriIn(root, "a.ts"), [6]);
  });

  it("moves a finding with its quote while the file is edited, and says for which version", async () => {
    const client = await initialize(root);
    board.take(start("run_1", root));
    board.take(found("run_1", finding("[id].ts", 2, "bad()")));
    // The editor escapes more characters than Node does; it is the same file.
    const uri = uriIn(root, "[id].ts").replaceAll("[", "%5B").replaceAll("]", "%5D");
    const { connection } = client;
    const edit = (version: number, text: string): Promise<void> =>
      connection.sendNotification(DidChangeTextDocumentNotification.type, {
        textDocument: { uri, version },
        contentChanges: [{ text }],
      });
    await connection.sendNotification(DidOpenTextDocumentNotification.type, {
      textDocument: { uri, languageId: "typescript", version: 1, text: "ok()\nbad()\n" },
    });
    assert.equal((await client.lines(uri, [1])).version, 1);
    await edit(2, "ok()\r\n\r\n\r\n  bad()  \r\n");
    const moved = await client.lines(uri, [3]);
    assert.deepEqual(
      [moved.version, moved.diagnostics[0]?.range],
      [2, { start: { line: 3, character: 2 }, end: { line: 3, character: 7 } }],
    );
    await edit(3, "ok()\n");
    assert.equal((await client.lines(uri, [])).version, 3);
    await connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri } });
    const file = uriIn(root, "[id].ts");
    assert.equal((await client.lines(file, [1])).version, undefined);
  });

  it("follows the folders of the window", async () => {
    const client = await initialize(root);
    board.take(start("run_1", root));
    board.take(found("run_1", finding("a.ts", 3, "x")));
    board.take(start("run_2", other));
    board.take(found("run_2", finding("o.ts", 4, "x")));
    await client.lines(uriIn(root, "a.ts"), [2]);
    assert.equal(client.published.has(uriIn(other, "o.ts")), false);
    const change = (added: string[], removed: string[]): Promise<void> =>
      client.connection.sendNotification(DidChangeWorkspaceFoldersNotification.type, {
        event: { added: added.map(folder), removed: removed.map(folder) },
      });
    await change([other], []);
    await client.lines(uriIn(other, "o.ts"), [3]);
    await change([], [root]);
    await client.lines(uriIn(root, "a.ts"), []);
    board.take(found("run_1", finding("a.ts", 3, "x")));
    board.take(found("run_2", finding("o.ts", 8, "x")));
    await client.lines(uriIn(other, "o.ts"), [3, 7]);
    assert.deepEqual(client.published.get(uriIn(root, "a.ts"))?.diagnostics, []);
  });

  it("shows nothing of a folder that the window does not have", async () => {
    const client = await initialize(other);
    board.take(start("run_1", root));
    board.take(found("run_1", finding("a.ts", 3, "x")));
    board.take(start("run_2", other));
    board.take(found("run_2", finding("o.ts", 1, "x")));
    await client.lines(uriIn(other, "o.ts"), [0]);
    assert.deepEqual([...client.published.keys()], [uriIn(other, "o.ts")]);
  });

  it("names files as the window does when its folder is a link", async () => {
    const client = await initialize(link);
    board.take(start("run_1", root));
    board.take(found("run_1", finding("a.ts", 3, "x")));
    await client.lines(uriIn(link, "a.ts"), [2]);
    assert.equal(client.published.has(uriIn(root, "a.ts")), false);
  });

  it("lives through folders and files it cannot read, and through nonsense", async () => {
    const client = await initialize(join(base, "gone"), root);
    const strange = [
      "file://elsewhere.example/a.ts",
      "untitled:Untitled-1",
      "git:/a.ts",
      "file:///%00",
      uriIn(base, "up.ts"),
    ];
    for (const uri of strange)
      await client.connection.sendNotification(DidOpenTextDocumentNotification.type, {
        textDocument: { uri, languageId: "x", version: 1, text: "x" },
      });
    await assert.rejects(client.connection.sendRequest("no/such/request", {}), /Unhandled method/);
    board.take(start("run_1", root));
    board.take(found("run_1", finding("a.ts", 3, "x")));
    await client.lines(uriIn(root, "a.ts"), [2]);
    assert.deepEqual([...client.published.keys()], [uriIn(root, "a.ts")]);
  });

  it("ends in good order, and a lost client costs nothing", async () => {
    const client = await initialize(root);
    assert.equal(await client.connection.sendRequest(ShutdownRequest.type), null);
    const closed = new Promise((resolve) => client.socket.once("close", resolve));
    await client.connection.sendNotification(ExitNotification.type);
    await closed;
    const lost = await initialize(root);
    lost.socket.terminate();
    board.take(start("run_1", root));
    for (let line = 1; line < 200; line += 1) board.take(found("run_1", finding("a.ts", line, "x")));
    const next = await initialize(root);
    await until("all findings", () => next.published.get(uriIn(root, "a.ts"))?.diagnostics.length === 199);
  });

  it("is no client of the methods", async () => {
    await initialize(root);
    assert.equal(doors.clients(), 0);
  });
});
