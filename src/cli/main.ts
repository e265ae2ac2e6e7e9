#!/usr/bin/env node
// The executable. Refuses an old Node in words, which is why it imports nothing before it has looked: an older Node may
// not even parse the rest.

const oldestNode = 24;

if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  process.stderr.write(
    `qloom needs Node ${oldestNode} or newer, this is ${process.version}; install a newer Node, or in a project: npm install --save-dev node@${oldestNode} and npx qloom\n`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import("./process.ts");
  const exitCode = await main();
  process.exitCode = exitCode;
  // What a config has left open, a timer or a connection, must not keep a command that is done: once all is printed it ends.
  process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
}
