// Mocha's short reporter that also leaves its numbers, and what was skipped, in the file PODIUM_TEST_STATS names.
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

class Counting extends reporters.Dot {
  constructor(runner, options) {
    super(runner, options);
    const skipped = new Map();
    runner.on(Runner.constants.EVENT_TEST_PENDING, ({ parent, title }) =>
      skipped.set(parent.fullTitle(), [...(skipped.get(parent.fullTitle()) ?? []), title]),
    );
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.PODIUM_TEST_STATS;
      if (file)
        writeFileSync(
          file,
          JSON.stringify({ passes: this.stats.passes, failures: this.stats.failures, skipped: [...skipped] }),
        );
    });
  }
}

module.exports = Counting;
