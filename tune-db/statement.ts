/** Prepared statements, each made once per connection. Every use of one runs to its end before the next: all of node:sqlite is synchronous. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

const prepared = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

export function statement(db: DatabaseSync, sql: string): StatementSync {
  let ofConnection = prepared.get(db);
  if (ofConnection === undefined) {
    ofConnection = new Map();
    prepared.set(db, ofConnection);
  }
  let found = ofConnection.get(sql);
  if (found === undefined) {
    found = db.prepare(sql);
    // One set of named values serves every rung of the ladder, each of which names some of them.
    found.setAllowUnknownNamedParameters(true);
    ofConnection.set(sql, found);
  }
  return found;
}
