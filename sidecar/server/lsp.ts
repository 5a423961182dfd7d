import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import {
  createProtocolConnection,
  type Diagnostic,
  DiagnosticSeverity,
  DidChangeTextDocumentNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  InitializedNotification,
  InitializeRequest,
  PublishDiagnosticsNotification,
  ShutdownRequest,
  TextDocumentSyncKind,
} from "vscode-languageserver-protocol/node";
import { createWebSocketStream, type WebSocket } from "ws";
import type { RunEvent } from "../protocol/events.ts";
import type { Finding, Severity } from "../protocol/review.ts";
import type { FindingBoard } from "./findings.ts";

/** High is a warning, medium an information; red belongs to the compiler. */
const severityOf: Record<Severity, DiagnosticSeverity> = {
  high: DiagnosticSeverity.Warning,
  medium: DiagnosticSeverity.Information,
  low: DiagnosticSeverity.Hint,
};

/** Where the quote stands in the open text: its own line first, else the nearest match; null = not in the working file. */
function anchorLine(lines: readonly string[], finding: Finding): number | null {
  const quote = finding.quote.split("\n").map((line) => line.trim());
  const matches = (at: number): boolean => quote.every((line, offset) => lines[at + offset]?.trim() === line);
  const expected = (finding.line ?? 1) - 1;
  for (let distance = 0; distance < lines.length; distance += 1) {
    if (matches(expected - distance)) return expected - distance;
    if (matches(expected + distance)) return expected + distance;
  }
  return null;
}

const indentOf = (text: string): number => text.length - text.trimStart().length;

/** Underlines from the first character that is not blank to the last; `lines` = the open text, else the quote stands for it. */
function toDiagnostic(finding: Finding, run: string, line: number, lines: readonly string[] | undefined): Diagnostic {
  const quote = finding.quote.split("\n");
  const last = line + quote.length - 1;
  return {
    range: {
      start: { line, character: indentOf(lines?.[line] ?? quote[0] ?? "") },
      end: { line: last, character: lines?.[last]?.trimEnd().length ?? 10_000 },
    },
    severity: severityOf[finding.severity],
    source: "Podium",
    code: finding.rule,
    message: [finding.title, finding.claim, finding.trigger && `Trigger: ${finding.trigger}`]
      .filter(Boolean)
      .join("\n"),
    data: { id: finding.id, run },
  };
}

/**
 * One language-server connection: publishes the findings of its folders, each the moment it is verified.
 * `newestReview` gives the log of a folder's newest review, none when there is no such run.
 */
export function serveLsp(
  socket: WebSocket,
  board: FindingBoard,
  realRoots: (roots: readonly string[]) => Promise<readonly string[]>,
  newestReview: (root: string) => Promise<readonly RunEvent[]>,
): void {
  const stream = createWebSocketStream(socket);
  stream.on("error", () => socket.terminate());
  const connection = createProtocolConnection(new StreamMessageReader(stream), new StreamMessageWriter(stream));
  const open = new Map<string, readonly string[]>();
  let roots: readonly string[] = [];

  const publish = (root: string, path: string): void => {
    if (!roots.includes(root)) return;
    const uri = pathToFileURL(join(root, path)).toString();
    const lines = open.get(uri);
    const run = board.run(root) ?? "";
    const diagnostics = board.of(root, path).flatMap((finding) => {
      const line = lines ? anchorLine(lines, finding) : (finding.line ?? 1) - 1;
      return line === null ? [] : [toDiagnostic(finding, run, line, lines)];
    });
    void connection.sendNotification(PublishDiagnosticsNotification.type, { uri, diagnostics });
  };
  const publishUri = (uri: string): void => {
    if (!uri.startsWith("file:")) return;
    const file = fileURLToPath(uri);
    for (const root of roots) {
      const path = relative(root, file);
      if (!path.startsWith("..")) publish(root, path.split(sep).join("/"));
    }
  };

  connection.onRequest(InitializeRequest.type, async (params) => {
    const folders = params.workspaceFolders ?? (params.rootUri ? [{ uri: params.rootUri }] : []);
    roots = await realRoots(folders.filter(({ uri }) => uri.startsWith("file:")).map(({ uri }) => fileURLToPath(uri)));
    return { capabilities: { textDocumentSync: TextDocumentSyncKind.Full }, serverInfo: { name: "Podium" } };
  });
  connection.onNotification(InitializedNotification.type, async () => {
    for (const root of roots) {
      // After a restart the board is empty, but the log of the newest review is there.
      if (board.run(root) === null) {
        const events = await newestReview(root).catch(() => []);
        if (board.run(root) === null) for (const event of events) board.take(event);
      }
      for (const path of board.paths(root)) publish(root, path);
    }
  });
  connection.onNotification(DidOpenTextDocumentNotification.type, ({ textDocument }) => {
    open.set(textDocument.uri, textDocument.text.split(/\r?\n/));
    publishUri(textDocument.uri);
  });
  connection.onNotification(DidChangeTextDocumentNotification.type, ({ textDocument, contentChanges }) => {
    const last = contentChanges.at(-1);
    if (last) open.set(textDocument.uri, last.text.split(/\r?\n/));
    publishUri(textDocument.uri);
  });
  connection.onNotification(DidCloseTextDocumentNotification.type, ({ textDocument }) => {
    open.delete(textDocument.uri);
  });
  connection.onRequest(ShutdownRequest.type, () => undefined);
  connection.onNotification(ExitNotification.type, () => socket.close());
  const unsubscribe = board.onChange(publish);
  socket.once("close", () => {
    unsubscribe();
    connection.dispose();
    stream.destroy();
  });
  connection.listen();
}
