#!/usr/bin/env node
// `npm start`: sets the clone up, then asks this repository a question; `npm start -- <command>` runs any other command.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const given = process.argv.slice(2);
const args = given.length > 0 ? given : ["ask", "How does Podium resume a run after a crash?"];
if (given.length === 0) process.stderr.write(`Podium sets itself up and asks this repository: ${args[1]}\n`);
const launcher = join(fileURLToPath(new URL(".", import.meta.url)), "podium.mjs");
const child = spawn(process.execPath, [launcher, ...args], { stdio: "inherit" });
process.on("SIGINT", () => undefined);
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
