import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ErrorCode, PodiumError } from "../../sidecar/protocol/errors.ts";

/** A fresh directory that is removed after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "podium-store-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export async function refused(code: ErrorCode, work: () => unknown): Promise<PodiumError> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof PodiumError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`expected ${code}`);
}

/** Polls until the condition holds; fails after the deadline. */
export async function until(what: string, condition: () => boolean, deadlineMs = 15_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) assert.fail(`waited ${deadlineMs} ms for ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
}
