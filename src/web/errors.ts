// What the server and the browser refuse or fail with.

import { QloomError } from "../../ir/index.ts";

/** A page that can't be served, or a browser that can't be had: the message says why, and what to do. */
export class WebError extends QloomError {
  override name = "WebError";
}

/** A package that only this needs is not installed. */
export class PackageMissingError extends WebError {
  override name = "PackageMissingError";
  readonly packageName: string;

  constructor(what: string, packageName: string, options?: ErrorOptions) {
    super(`${what} needs the package ${packageName}: npm i -D ${packageName}`, options);
    this.packageName = packageName;
  }
}
