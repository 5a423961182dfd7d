// Mocha's short reporter that also leaves its numbers in the file PODIUM_TEST_STATS names.
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

class Counting extends reporters.Dot {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.PODIUM_TEST_STATS;
      if (file)
        writeFileSync(
          file,
          JSON.stringify({ passes: this.stats.passes, failures: this.stats.failures, pending: this.stats.pending }),
        );
    });
  }
}

module.exports = Counting;
