import { isAbsolute, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import {
  createProtocolConnection,
  type Diagnostic,
  DidChangeTextDocumentNotification,
  DidChangeWorkspaceFoldersNotification,
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
import { diagnosticsOf } from "./diagnostics.ts";
import type { FindingBoard } from "./findings.ts";

/** The path of a file URI; null for any other, and for one that names another machine. */
function pathOfUri(uri: string): string | null {
  if (!uri.startsWith("file:")) return null;
  try {
    return fileURLToPath(uri);
  } catch {
    return null;
  }
}

interface OpenText {
  readonly uri: string;
  readonly version: number;
  readonly lines: readonly string[];
}

/** A folder of the client: `shown` as the client writes it, perhaps through a link; `root` = its real path. */
interface Folder {
  readonly shown: string;
  readonly root: string;
}

/** Path of `file` below `folder`, with `/`; null when it lies elsewhere. */
function pathBelow(folder: string, file: string): string | null {
  const path = relative(folder, file).split(sep);
  return path[0] === ".." || path[0] === "" || isAbsolute(path.join(sep)) ? null : path.join("/");
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
  /** Open texts by path: a client may spell the URI of the same file in several ways. */
  const open = new Map<string, OpenText>();
  let folders: readonly Folder[] = [];
  let isOver = false;

  const send = (file: string, diagnostics: Diagnostic[]): void => {
    if (isOver) return;
    const { uri, version } = open.get(file) ?? { uri: pathToFileURL(file).toString() };
    connection
      .sendNotification(PublishDiagnosticsNotification.type, {
        uri,
        diagnostics,
        ...(version === undefined ? {} : { version }),
      })
      .catch(() => socket.terminate());
  };
  const publishIn = ({ shown, root }: Folder, path: string): void => {
    const file = join(shown, path);
    send(file, diagnosticsOf(board.of(root, path), board.run(root) ?? "", open.get(file)?.lines));
  };
  const publish = (root: string, path: string): void => {
    for (const folder of folders) if (folder.root === root) publishIn(folder, path);
  };
  const publishFile = (file: string): void => {
    for (const folder of folders) {
      const path = pathBelow(folder.shown, file);
      if (path !== null) publishIn(folder, path);
    }
  };
  const take = (uri: string, version: number, text: string): void => {
    const file = pathOfUri(uri);
    if (file === null) return;
    open.set(file, { uri, version, lines: text.split(/\r?\n/) });
    publishFile(file);
  };
  const publishAll = async (folder: Folder): Promise<void> => {
    // After a restart the board is empty, but the log of the newest review is there.
    if (board.run(folder.root) === null) {
      const events = await newestReview(folder.root).catch(() => []);
      if (board.run(folder.root) === null) for (const event of events) board.take(event);
    }
    if (folders.includes(folder)) for (const path of board.paths(folder.root)) publishIn(folder, path);
  };
  const foldersOf = async (named: readonly { readonly uri: string }[]): Promise<readonly Folder[]> => {
    const found = named.map(async ({ uri }): Promise<readonly Folder[]> => {
      const shown = pathOfUri(uri);
      const [root] = shown === null ? [] : await realRoots([shown]);
      return shown === null || root === undefined ? [] : [{ shown, root }];
    });
    return (await Promise.all(found)).flat();
  };

  connection.onRequest(InitializeRequest.type, async (params) => {
    folders = await foldersOf(params.workspaceFolders ?? (params.rootUri ? [{ uri: params.rootUri }] : []));
    return {
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Full,
        workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
      },
      serverInfo: { name: "Podium" },
    };
  });
  connection.onNotification(InitializedNotification.type, async () => {
    for (const folder of folders) await publishAll(folder);
  });
  connection.onNotification(DidChangeWorkspaceFoldersNotification.type, async ({ event }) => {
    const removed = new Set(event.removed.map(({ uri }) => pathOfUri(uri)));
    const gone = folders.filter(({ shown }) => removed.has(shown));
    folders = folders.filter((folder) => !gone.includes(folder));
    for (const { shown, root } of gone) for (const path of board.paths(root)) send(join(shown, path), []);
    const added = await foldersOf(event.added);
    folders = [...folders, ...added];
    for (const folder of added) await publishAll(folder);
  });
  connection.onNotification(DidOpenTextDocumentNotification.type, ({ textDocument: { uri, version, text } }) =>
    take(uri, version, text),
  );
  connection.onNotification(DidChangeTextDocumentNotification.type, ({ textDocument, contentChanges }) => {
    const last = contentChanges.at(-1);
    if (last) take(textDocument.uri, textDocument.version, last.text);
  });
  connection.onNotification(DidCloseTextDocumentNotification.type, ({ textDocument }) => {
    const file = pathOfUri(textDocument.uri);
    // What stands in the file counts again, not what was typed and thrown away.
    if (file !== null && open.delete(file)) publishFile(file);
  });
  connection.onRequest(ShutdownRequest.type, () => undefined);
  connection.onNotification(ExitNotification.type, () => socket.close());
  const unsubscribe = board.onChange(publish);
  const end = (): void => {
    isOver = true;
    unsubscribe();
  };
  connection.onClose(end);
  socket.once("close", () => {
    end();
    connection.dispose();
    stream.destroy();
  });
  connection.listen();
}
