// The table of commands: a command is one file in this folder and one line here.

import type { Commands } from "../command.ts";

export const commands: Commands = {};
