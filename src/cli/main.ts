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
  process.exitCode = await main();
}
