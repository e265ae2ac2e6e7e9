// Cycles of a directed graph, one for each knot of nodes that reach each other.

/**
 * One shortest cycle for each strongly connected part of the graph that has any, as its nodes in order; the cycle starts
 * at the smallest name. Nodes that are only pointed at may be missing from the keys.
 */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const cycles: string[][] = [];
  const knotted = new Set<string>();
  for (const start of [...graph.keys()].sort()) {
    if (knotted.has(start)) continue;
    const cycle = shortestCycle(graph, start);
    if (cycle === undefined) continue;
    cycles.push(cycle);
    // Every node that reaches the start and is reached from it lies in the same knot: one message for it is enough.
    const reached = reachable(graph, start);
    for (const node of reached) if (reachable(graph, node).has(start)) knotted.add(node);
  }
  return cycles;
}

function reachable(graph: ReadonlyMap<string, readonly string[]>, start: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const queue = [start];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const next of graph.get(node) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return seen;
}

function shortestCycle(graph: ReadonlyMap<string, readonly string[]>, start: string): string[] | undefined {
  const before = new Map<string, string>();
  const queue = [start];
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at]!;
    for (const next of graph.get(node) ?? []) {
      if (next === start) {
        const cycle = [node];
        for (let up = before.get(node); up !== undefined; up = before.get(up)) cycle.unshift(up);
        return cycle;
      }
      if (before.has(next)) continue;
      before.set(next, node);
      queue.push(next);
    }
  }
  return undefined;
}
