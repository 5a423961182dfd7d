import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DiffRequest } from "../../sidecar/ports.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { type Folder, folder } from "./support.ts";

const scopes: readonly DiffRequest[] = [
  { scope: "working" },
  { scope: "unstaged" },
  { scope: "staged" },
  { scope: "branch", base: "HEAD" },
  { scope: "range", range: "HEAD~1..HEAD" },
];

/** What a stranger's repository can name as a program, and how plain git is made to start it. */
const vectors: readonly {
  readonly title: string;
  readonly attributes?: string;
  readonly set: (place: Folder, command: string) => void;
  readonly plain: readonly string[];
}[] = [
  {
    title: "a clean filter",
    attributes: "*.txt filter=evil\n",
    set: (place, command) => place.git("config", "filter.evil.clean", `${command}; cat`),
    plain: ["diff"],
  },
  {
    title: "a required clean filter whose name holds dots, spaces and an equals sign",
    attributes: "*.txt filter=a.b=c\n",
    set: (place, command) => {
      place.git("config", "filter.a.b=c.clean", `${command}; cat`);
      place.git("config", "filter.a.b=c.required", "true");
      place.git("config", "filter.x y.clean", command);
    },
    plain: ["diff"],
  },
  {
    title: "a filter process",
    attributes: "*.txt filter=evil\n",
    set: (place, command) => place.git("config", "filter.evil.process", command),
    plain: ["diff"],
  },
  {
    title: "a filter of an included file",
    attributes: "*.txt filter=evil\n",
    set: (place, command) => {
      writeFileSync(join(place.root, ".git", "more"), `[filter "evil"]\n\tclean = "${command}; cat"\n`);
      place.git("config", "include.path", "more");
    },
    plain: ["diff"],
  },
  {
    title: "a text conversion",
    attributes: "*.txt diff=evil\n",
    set: (place, command) => place.git("config", "diff.evil.textconv", `${command}; cat`),
    plain: ["diff"],
  },
  {
    title: "a diff driver",
    attributes: "*.txt diff=evil\n",
    set: (place, command) => place.git("config", "diff.evil.command", command),
    plain: ["diff"],
  },
  {
    title: "an external diff",
    set: (place, command) => place.git("config", "diff.external", command),
    plain: ["diff"],
  },
  {
    title: "a file system monitor",
    set: (place, command) => place.git("config", "core.fsmonitor", command),
    plain: ["diff"],
  },
  {
    title: "a hook",
    set: (place, command) => {
      const hook = join(place.root, ".git", "hooks", "post-index-change");
      mkdirSync(join(place.root, ".git", "hooks"), { recursive: true });
      writeFileSync(hook, `#!/bin/sh\n${command}\n`);
      chmodSync(hook, 0o755);
    },
    plain: ["status"],
  },
];

describe("a hostile repository", () => {
  let place: Folder;
  beforeEach(() => {
    place = folder();
    place.git("init", "-q");
  });
  afterEach(() => place.close());
  const mark = () => join(place.root, "..", "mark");
  const change = (attributes = "") => {
    place.write("a.txt", "one\n");
    place.git("add", "-A");
    place.git("commit", "-q", "-m", "one");
    if (attributes !== "") place.write(".gitattributes", attributes);
    place.write("a.txt", "two\n");
    place.git("add", "-A");
    place.git("commit", "-q", "-m", "two");
    place.write("a.txt", "three\n");
    place.git("add", "-A");
    place.write("a.txt", "four and more\n");
  };

  for (const { title, attributes, set, plain } of vectors) {
    it(`${title}: no scope of a change and no search starts it`, async () => {
      change(attributes);
      const untouched = scopes.map((request) => place.workspace.diff(request, place.context));
      const before = await Promise.all(untouched);
      set(place, `touch ${mark()}`);
      for (const [index, request] of scopes.entries()) {
        assert.deepEqual(await place.workspace.diff(request, place.context), before[index], request.scope);
      }
      await place.workspace.search({ query: "four" }, place.context);
      await place.workspace.list({}, place.context);
      assert.equal(existsSync(mark()), false);
      // The control: without Podium's care this very repository starts it.
      try {
        place.git(...plain);
      } catch {
        // Some of these commands make git itself fail after they ran.
      }
      assert.equal(existsSync(mark()), true, "the trap is no trap");
    });
  }

  it("a missing object is not fetched through a command of the repository", async () => {
    change();
    place.git("config", "core.repositoryFormatVersion", "1");
    place.git("config", "extensions.partialClone", "origin");
    place.git("config", "remote.origin.promisor", "true");
    place.git("config", "remote.origin.url", `ext::sh -c touch% ${mark()}`);
    place.git("config", "protocol.ext.allow", "always");
    const object = place.git("rev-parse", "HEAD:a.txt").trim();
    rmSync(join(place.root, ".git", "objects", object.slice(0, 2), object.slice(2)));
    await assert.rejects(place.workspace.diff({ scope: "staged" }, place.context), PodiumError);
    assert.equal(existsSync(mark()), false);
    assert.throws(() => place.git("diff", "--cached"));
    assert.equal(existsSync(mark()), true, "the trap is no trap");
  });

  it("a work tree elsewhere is not read", async () => {
    change();
    const elsewhere = join(place.root, "..", "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "a.txt"), "a secret\n");
    place.git("config", "core.worktree", elsewhere);
    for (const scope of ["working", "unstaged"] as const) {
      await assert.rejects(
        place.workspace.diff({ scope }, place.context),
        (error) => error instanceof PodiumError && error.code === "not_a_repository",
      );
    }
    const { hits } = await place.workspace.search({ query: "secret" }, place.context);
    assert.deepEqual(hits, []);
    assert.ok(place.git("diff").includes("a secret"), "the trap is no trap");
    assert.ok(readdirSync(elsewhere).length === 1);
  });
});
