#!/usr/bin/env node
// The launcher: runs on any Node >= 20, re-executes the bundle on the Node 24 of the clone, and keeps its exit code and signals.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { build, install, node, root } from "./bootstrap.mjs";

install();
build();
const child = spawn(node, [join(root, "dist", "cli.mjs"), ...process.argv.slice(2)], { stdio: "inherit" });
// The terminal sends Ctrl+C to the whole group; the child decides, this process only waits for it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
