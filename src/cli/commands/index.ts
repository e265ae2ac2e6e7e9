// The table of commands: a command is one file in this folder and one line here.

import type { Commands } from "../command.ts";
import { bench } from "./bench.ts";
import { build } from "./build.ts";
import { db } from "./db.ts";
import { device } from "./device.ts";
import { serve } from "./serve.ts";
import { show } from "./show.ts";
import { tune } from "./tune.ts";

export const commands: Commands = { tune, build, bench, show, device, serve, db };
