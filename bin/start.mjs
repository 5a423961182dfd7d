#!/usr/bin/env node
// `npm start`: sets the clone up, then asks this repository a question; `npm start -- <command>` runs any other command.
if (process.argv.length === 2) {
  process.argv.push("ask", "How does Podium resume a run after a crash?");
  process.stderr.write(`Podium sets itself up and asks this repository: ${process.argv[3]}\n`);
}
await import("./podium.mjs");
