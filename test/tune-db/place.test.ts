import { expect, test } from "vitest";
import { defaultPlace } from "../../tune-db/index.ts";

test.each([
  ["linux", {}, "/home/me/.local/share/qloom/tune.sqlite"],
  ["linux", { XDG_DATA_HOME: "/data" }, "/data/qloom/tune.sqlite"],
  ["linux", { XDG_DATA_HOME: "relative" }, "/home/me/.local/share/qloom/tune.sqlite"],
  ["darwin", { XDG_DATA_HOME: "/data" }, "/home/me/Library/Application Support/qloom/tune.sqlite"],
  ["win32", { LOCALAPPDATA: "C:\\Local" }, "C:\\Local\\qloom\\tune.sqlite"],
  ["linux", { QLOOM_DB: "mine.sqlite", XDG_DATA_HOME: "/data" }, "mine.sqlite"],
  ["linux", { QLOOM_DB: "" }, "/home/me/.local/share/qloom/tune.sqlite"],
] as const)("on %s with %j the database lies at %s", (platform, environment, place) => {
  expect(defaultPlace(environment, platform, "/home/me")).toBe(place);
});

test("on Windows without LOCALAPPDATA it lies below the home folder", () => {
  expect(defaultPlace({}, "win32", "C:\\Users\\me")).toBe("C:\\Users\\me\\AppData\\Local\\qloom\\tune.sqlite");
});
